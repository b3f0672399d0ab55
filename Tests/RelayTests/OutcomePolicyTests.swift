import Relay
import Testing

@Suite struct OutcomePolicyTests {
    @Test(arguments: [
        (Outcome.delivered, [200, 201, 202, 204, 299]),
        (.retry, [408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529]),
        (.dead, [400, 405, 406, 411, 413, 414, 415, 422, 431, 501]),
        (.held, [301, 302, 303, 307, 308, 401, 403, 404, 410]),
        // Not in the table: it is tried until its budget ends.
        (.retry, [100, 402, 409, 418, 423, 451, 477, 505, 599, 999]),
    ])
    func statusHasTheTablesOutcome(expected: Outcome, statuses: [Int]) {
        for status in statuses {
            let judgement = OutcomePolicy.judge(
                .response(Fixture.response(status)), for: Fixture.destination(), now: .at(0))
            #expect(judgement.outcome == expected, "\(status)")
            #expect(judgement.code == "status_\(status)")
        }
    }

    @Test(arguments: [
        (TransferFailure.Kind.dns, Outcome.retry), (.connect, .retry), (.timeout, .retry), (.reset, .retry),
        (.notHTTP, .retry), (.unknownHost, .held), (.tls, .held), (.addressDenied, .held), (.setup, .held),
    ])
    func failureHasTheTablesOutcome(kind: TransferFailure.Kind, expected: Outcome) {
        let destination = Fixture.destination(overrides: OutcomeOverrides(classes: [0: .dead]))
        let judgement = OutcomePolicy.judge(
            .failure(TransferFailure(kind, "in plain words")), for: destination, now: .at(0))
        #expect(judgement.outcome == expected)
        #expect(judgement.text == "in plain words")
        #expect(judgement.advice.isEmpty == (expected == .retry))
    }

    @Test(arguments: [
        (#"{"error": "no_service"}"#, #": {"error": "no_service"}"#), ("\r\n no_service\n", ": no_service"),
        ("no token a-token-1234", ": no token <redacted>"), (#""a\u002dtoken\u002D1234""#, #": "<redacted>""#),
        (String(repeating: "é", count: 300), ": " + String(repeating: "é", count: 199) + "…"),
        ("first\nsecond\u{1B}[31m\u{202E}third", ": first second [31mthird"),
        ("<!DOCTYPE html><title>Not found</title>", ""), ("\u{FEFF}\u{C}<html>", ""), ("", ""), (" \n", ""),
        ("\u{1}", ""),
    ])
    func refusalIsToldInTheDestinationsOwnWords(body: String, expected: String) {
        let token = Destination.Header(name: "Authorization", value: "Bearer a-token-1234", isSecret: true)
        let destination = Fixture.destination(headers: [token], overrides: OutcomeOverrides(exact: [200: .retry]))
        for status in [200, 404, 422, 500] {
            let ending = AttemptResult.Ending.response(Fixture.response(status, body: body))
            let judgement = OutcomePolicy.judge(ending, for: destination, now: .at(0))
            #expect(judgement.text == "the destination answered \(status)" + expected)
        }
    }

    @Test func noTextIsNotShown() {
        let response = Response(status: 404, headers: [], body: [0x80, 0xFF, 0x61], isComplete: true)
        let judgement = OutcomePolicy.judge(.response(response), for: Fixture.destination(), now: .at(0))
        #expect(judgement.text == "the destination answered 404")
    }

    @Test func cutBodyAfterASuccessIsDelivered() {
        let ending = AttemptResult.Ending.response(Fixture.response(200, isComplete: false))
        #expect(OutcomePolicy.judge(ending, for: Fixture.destination(), now: .at(0)).outcome == .delivered)
    }

    @Test(arguments: [
        (404, Outcome.dead), (403, .retry), (409, .delivered), (500, .held), (200, .retry), (422, .retry),
    ])
    func destinationsOwnWordComesBeforeTheTable(status: Int, expected: Outcome) {
        let overrides = OutcomeOverrides(
            exact: [404: .dead, 409: .delivered, 200: .retry], classes: [4: .retry, 5: .held])
        let destination = Fixture.destination(overrides: overrides)
        let judgement = OutcomePolicy.judge(.response(Fixture.response(status)), for: destination, now: .at(0))
        #expect(judgement.outcome == expected)
    }

    @Test(arguments: [301, 401, 403, 404, 410, 500])
    func adviceFitsTheOutcome(status: Int) {
        for outcome in Outcome.allCases {
            let destination = Fixture.destination(overrides: OutcomeOverrides(exact: [status: outcome]))
            let judgement = OutcomePolicy.judge(.response(Fixture.response(status)), for: destination, now: .at(0))
            switch outcome {
            case .delivered, .retry: #expect(judgement.advice.isEmpty)
            case .dead: #expect(judgement.advice.contains("redrive"))
            case .held: #expect(judgement.advice.contains("reload"))
            }
        }
    }
}
