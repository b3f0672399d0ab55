import Testing

@testable import Relay

/// What a destination's own conditions make of an answer.
@Suite struct AnswerConditionTests {
    private func expression(_ source: String, _ path: String = "success") throws -> AnswerExpression {
        try AnswerExpression(source, path: path)
    }

    private func judge(
        _ status: Int, _ body: String, headers: [OutgoingRequest.Header] = [], isComplete: Bool = true,
        _ overrides: OutcomeOverrides
    ) -> Judgement {
        judge(status, Array(body.utf8), headers: headers, isComplete: isComplete, overrides)
    }

    private func judge(
        _ status: Int, _ body: [UInt8], headers: [OutgoingRequest.Header] = [], isComplete: Bool = true,
        _ overrides: OutcomeOverrides
    ) -> Judgement {
        let response = Response(status: status, headers: headers, body: body, isComplete: isComplete)
        let destination = Fixture.destination(
            headers: [.init(name: "X-Key", value: "a-secret-canary", isSecret: true)], overrides: overrides)
        return OutcomePolicy.judge(.response(response), for: destination, now: .at(0))
    }

    private func success(_ source: String) throws -> OutcomeOverrides {
        OutcomeOverrides(exact: [:], classes: [:], success: try expression(source), retryAfter: nil)
    }

    private func cases(_ cases: [(String, Outcome)]) throws -> OutcomeOverrides.Rule {
        .first(try cases.map { OutcomeOverrides.Case(when: try expression($0.0, "when"), $0.1) })
    }

    // MARK: What an expression sees

    @Test(arguments: [
        "status == 200", "body == 'a'", "json == null", "headers['x-one'] == '1, 2, 3'", "headers['x-empty'] == ''",
        "headers['X-One'] == null", "!('x-none' in headers)",
        "headers == {'x-one': '1, 2, 3', 'x-empty': ''}", "typeof(status) == 'number'",
    ])
    func answerIsSeenAsItCame(source: String) throws {
        let headers: [OutgoingRequest.Header] = [
            .init("X-One", "1"), .init("x-one", " 2 "), .init("X-Empty", ""), .init("X-ONE", "3"),
        ]
        let judgement = judge(200, "a", headers: headers, try success(source))
        #expect(judgement.outcome == .delivered && judgement.faults.isEmpty)
    }

    @Test(arguments: [
        (#"{"a": [1, {"b": "ü"}]}"#, "json.a[1].b == 'ü'"), ("true", "json"), (" [0] ", "json == [0]"),
        ("", "json == null && body == ''"), ("<html>", "json == null"), (#"{"a": 1, "a": 2}"#, "json == null"),
        (#"{"a": 1} x"#, "json == null"), ("12345678901234567890123", "str(json) == body"), ("1e999", "true"),
        ("a\u{0}b", "len(body) == 3"), (#""a\u0000b""#, "len(json) == 3"),
    ])
    func jsonIsTheParsedBodyOrNull(body: String, source: String) throws {
        let judgement = judge(200, body, try success(source))
        #expect(judgement.outcome == .delivered && judgement.faults.isEmpty, "\(judgement.text)")
    }

    @Test func bytesThatAreNoTextAreReplaced() throws {
        let body: [UInt8] = [0xFF, 0x6F, 0x6B, 0xC3]
        #expect(judge(200, body, try success("body == '\u{FFFD}ok\u{FFFD}' && json == null")).outcome == .delivered)
    }

    // MARK: success

    @Test func successThatIsFalseIsTriedAgain() throws {
        let judgement = judge(200, "invalid_payload", try success("body == 'ok'"))
        #expect(judgement.outcome == .retry && judgement.code == "success_false" && judgement.advice.isEmpty)
        #expect(
            judgement.text == #"the destination answered 200, but "success" is false for its answer: invalid_payload"#)
        #expect(judgement.faults.isEmpty)
    }

    @Test func successThatFailsIsFalseAndNamed() throws {
        let judgement = judge(201, #"{"status": 1}"#, try success("json.ok"))
        #expect(judgement.outcome == .retry && judgement.code == "success_failed")
        #expect(
            judgement.text.hasSuffix(#""success" fails on its answer: object has no property "ok": {"status": 1}"#))
        #expect(judgement.faults == [AnswerFault(path: "success", text: #"object has no property "ok""#)])
    }

    @Test func cutAnswerIsJudgedByWhatCame() throws {
        let needsTheRest = judge(200, #"{"ok": tr"#, isComplete: false, try success("json && json['ok']"))
        #expect(
            needsTheRest.outcome == .retry && needsTheRest.text.hasSuffix(#", of which only a part came: {"ok": tr"#))
        let needsTheStatus = judge(202, #"{"ok": tr"#, isComplete: false, try success("status == 202"))
        #expect(needsTheStatus.outcome == .delivered)
    }

    @Test(arguments: [(404, Outcome.held), (500, .retry), (422, .dead), (302, .held)])
    func successIsAskedOfASuccessOnly(status: Int, expected: Outcome) throws {
        let judgement = judge(status, "no", try success("body == 'ok'"))
        #expect(judgement.outcome == expected && judgement.code == "status_\(status)")
    }

    @Test func answerThatRepeatsASecretDoesNotShowIt() throws {
        let judgement = judge(200, "a-secret-canary\r\nx", try success("body()"))
        #expect(judgement.faults.map(\.text) == ["<redacted> x is not callable"])
        #expect(!judgement.text.contains("canary"))
    }

    /// 500 bytes of a failed condition's text are shown; the secret stands across that border.
    @Test(arguments: [0, 485, 495, 499]) func secretAtTheEndOfALongTextIsNotShownInPart(offset: Int) throws {
        let filling = String(repeating: "x", count: offset)
        let judgement = judge(200, filling + "a-secret-canary" + filling, try success("body()"))
        let text = try #require(judgement.faults.first?.text)
        #expect(text.hasPrefix(filling + "<redacted>".prefix(500 - offset)) && text.utf8.count < 520)
        #expect(!text.contains("a-"), "\(text)")
    }

    @Test func textOfAFailedConditionDoesNotShowTheAccessToken() throws {
        var state = TokenState(TokenFixture.oauth2())
        guard case .fetch = state.next(options: TransferOptions(), now: .at(0)),
            case .token(let token, _) = state.answered(
                TokenFixture.result(200, #"{"access_token": "a-token-canary"}"#), now: .at(1))
        else {
            Issue.record("no token")
            return
        }
        let response = Response(status: 200, headers: [], body: Array("a-token-canary".utf8), isComplete: true)
        let judgement = OutcomePolicy.judge(
            .response(response), for: Fixture.destination(overrides: try success("body()")), token: token, now: .at(2))
        #expect(judgement.faults.map(\.text) == ["<redacted> is not callable"])
    }

    // MARK: outcomes

    @Test(arguments: [
        (400, "Queue is full", Outcome.retry), (400, "gone", .held), (400, "class", .retry), (400, "else", .dead),
        (404, "gone", .delivered),
        (404, "else", .held), (200, "gone", .delivered),
    ])
    func firstCaseThatHoldsCounts(status: Int, body: String, expected: Outcome) throws {
        let overrides = OutcomeOverrides(
            exact: [
                400: try cases([("body == 'Queue is full'", .retry), ("body == 'gone'", .held)])
            ], classes: [4: try cases([("body == 'gone'", .delivered), ("body == 'class'", .retry)])], success: nil,
            retryAfter: nil)
        #expect(judge(status, body, overrides).outcome == expected)
    }

    @Test func ordersOfWhoIsAskedIsStatusClassSuccessTable() throws {
        let overrides = OutcomeOverrides(
            exact: [200: try cases([("body == 'exact'", .dead)])], classes: [2: try cases([("body != 'none'", .held)])],
            success: try expression("false"), retryAfter: nil)
        #expect(judge(200, "exact", overrides).outcome == .dead)
        #expect(judge(200, "class", overrides).outcome == .held)
        #expect(judge(200, "none", overrides).code == "success_false")
        let delivered = OutcomeOverrides(
            exact: [200: .always(.delivered)], classes: [:], success: try expression("false"), retryAfter: nil)
        #expect(judge(200, "none", delivered).outcome == .delivered)
    }

    @Test func conditionThatFailsDoesNotCountAndIsNamed() throws {
        let overrides = OutcomeOverrides(
            exact: [400: try cases([("json.error.code == 7", .retry), ("true", .held)])], classes: [:], success: nil,
            retryAfter: nil)
        let judgement = judge(400, "{}", overrides)
        #expect(judgement.outcome == .held)
        #expect(judgement.faults == [AnswerFault(path: "when", text: #"object has no property "error""#)])
    }

    // MARK: Cost

    @Test func withoutAConditionNothingIsReadOutOfAnAnswer() throws {
        let body = Array(("[" + Array(repeating: "[1]", count: 8_000).joined(separator: ",") + "]").utf8)
        let plain = OutcomeOverrides(exact: [404: .dead], classes: [5: .held])
        let asking = try success("status == 200")
        let clock = ContinuousClock()
        let withConditions = clock.measure {
            for _ in 0..<5 { #expect(judge(200, body, asking).outcome == .delivered) }
        }
        let without = clock.measure { for _ in 0..<50 { #expect(judge(200, body, plain).outcome == .delivered) } }
        #expect(without < withConditions)
    }

    // MARK: Hostile answers

    @Test(arguments: [
        ("len(range(0, 1000000)) == len(json)", "stopped after 100000 steps"),
        ("body + body + body + body + body + body + body + body + body + body + body == ''", "larger than 1048576"),
    ])
    func expressionsAreStoppedByTheirBudget(source: String, expected: String) throws {
        let body = "[" + Array(repeating: "[1, 2]", count: 16_000).joined(separator: ",") + "]"
        let judgement = judge(200, body, try success(source))
        #expect(judgement.outcome == .retry && judgement.code == "success_failed")
        #expect(judgement.text.contains(expected), "\(judgement.text)")
    }

    @Test func randomBytesNeverCrash() throws {
        var random = SeededGenerator(seed: 11)
        let overrides = OutcomeOverrides(
            exact: [:], classes: [2: try cases([("json.a == 1 || json[0] == 2", .dead)])],
            success: try expression("json && body && headers"), retryAfter: try expression("json.retry_after"))
        let parts = ["{", "}", "[", "]", "\"a\"", ":", ",", "1", "\u{0}", "\\u0000", "null", "1e999", "é", " "]
        for _ in 0..<5_000 {
            var body = (0..<Int.random(in: 0...12, using: &random))
                .flatMap { _ in Array(parts[Int.random(in: 0..<parts.count, using: &random)].utf8) }
            if Bool.random(using: &random) { body.append(UInt8.random(in: 0...255, using: &random)) }
            let judgement = judge(200, body, overrides)
            #expect([.retry, .dead, .delivered].contains(judgement.outcome))
        }
    }

    @Test func nestingOfSixtyFourKilobytesIsNoJSON() throws {
        for body in [String(repeating: "[", count: 65_536), String(repeating: "{\"a\":", count: 13_000)] {
            #expect(judge(200, body, try success("json == null")).outcome == .delivered)
        }
    }

    // MARK: retryAfter

    @Test(arguments: [
        (429, "json.retry_after", #"{"retry_after": 0.35}"#, nil, Int64(1000)),
        (429, "json.retry_after", #"{"retry_after": 64.57}"#, nil, 65_000),
        (429, "json.retry_after", #"{"retry_after": 7}"#, "3", 7000),
        (429, "json.retry_after", #"{"retry_after": 3}"#, "7", 7000),
        (429, "json.retry_after", #"{"retry_after": 99999999999}"#, nil, 86_400_000),
        (429, "json.retry_after", #"{"retry_after": 1e300}"#, nil, 86_400_000),
        (429, "json.parameters.retry_after", #"{"parameters": {"retry_after": 4}}"#, nil, 4000),
        (503, "json.retry_after", #"{"retry_after": 2}"#, nil, 2000),
        (429, "number(headers['x-wait'])", "", nil, 1000),
        // Nothing of this is a wish: a 429 then has its 5 s.
        (429, "json.retry_after", "{}", nil, 5000), (429, "json.retry_after", "<html>", nil, 5000),
        (429, "json.retry_after", #"{"retry_after": "9"}"#, nil, 5000),
        (429, "json.retry_after", #"{"retry_after": null}"#, nil, 5000),
        (429, "json.retry_after", #"{"retry_after": 0}"#, nil, 5000),
        (429, "json.retry_after", #"{"retry_after": -3}"#, nil, 5000),
        (429, "json.retry_after", #"{"retry_after": 1e999}"#, nil, 5000),
        (429, "json.retry_after", #"{"retry_after": true}"#, "2", 2000),
        (503, "json.retry_after", "{}", nil, nil), (503, "json.retry_after", "{}", "2", 2000),
    ])
    func laneWaitsForWhatTheAnswerSays(
        status: Int, source: String, body: String, header: String?, expected: Int64?
    ) throws {
        let headers = [.init("x-wait", "0.5")] + (header.map { [OutgoingRequest.Header("retry-after", $0)] } ?? [])
        let response = Response(status: status, headers: headers, body: Array(body.utf8), isComplete: true)
        let wait = RetryPolicy.laneWaitMilliseconds(
            .response(response), retryAfter: try expression(source, "retryAfter"), now: .at(0))
        #expect(wait == expected)
    }

    // MARK: What makes another destination of it

    @Test func anotherConditionMakesAnotherDestination() throws {
        let one = Fixture.destination(overrides: try success("body == 'ok'"))
        #expect(one.isReached(like: Fixture.destination(overrides: try success("body == 'ok'"))))
        #expect(!one.isReached(like: Fixture.destination(overrides: try success("body == 'OK'"))))
        #expect(!one.isReached(like: Fixture.destination()))
        let waiting = OutcomeOverrides(exact: [:], classes: [:], success: nil, retryAfter: try expression("1"))
        #expect(!Fixture.destination(overrides: waiting).isReached(like: Fixture.destination()))
    }
}
