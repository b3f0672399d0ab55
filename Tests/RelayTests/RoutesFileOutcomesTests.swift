import Testing

@testable import Relay

/// The keys `success`, `outcomes` and `retryAfter` of a destination.
@Suite struct RoutesFileOutcomesTests {
    private static let place = "destinations.crm"

    @Test func everyRuleIsTakenOver() throws {
        let text = routesText(
            destination: #"""
                "success": "body == 'ok'", "retryAfter": "json.retry_after", "outcomes": {"404": "dead",
                "400": [{"when": "body == 'x'", "outcome": "retry"}, {"when": "true", "outcome": "held"}],
                "5xx": [{"when": "status == 501", "outcome": "dead"}]}
                """#)
        let crm = try #require(try resolved(text, ["KEY": longKey]).configuration?.destinations["crm"])
        let condition = { (source: String) in try AnswerExpression(source, path: "") }
        #expect(
            crm.overrides
                == OutcomeOverrides(
                    exact: [
                        404: .always(.dead),
                        400: .first([
                            .init(when: try condition("body == 'x'"), .retry),
                            .init(when: try condition("true"), .held),
                        ]),
                    ], classes: [5: .first([.init(when: try condition("status == 501"), .dead)])],
                    success: try condition("body == 'ok'"), retryAfter: try condition("json.retry_after")))
        guard case .first(let cases) = crm.overrides.exact[400] else { throw Missing() }
        #expect(cases[1].condition.path == "destinations.crm.outcomes.400[1].when")
    }

    private struct Missing: Error {}

    @Test(arguments: [
        (
            #""success": "body = 'ok'""#,
            "success: this is no expression: Unexpected input for 'body = 'ok'' at '= 'ok'' "
                + #"(at character 6, "= 'ok'")"#
        ),
        (#""success": """#, "success: this is no expression: Unexpected end of input (at its end)"),
        (#""success": "json.""#, "success: this is no expression: Unexpected end of input (at its end)"),
        (
            #""retryAfter": "'ü' )""#,
            "retryAfter: this is no expression: Found: ) token, expected one of: !=, &&, (, *, **, +, -, ., /, <, <=, "
                + #"==, >, >=, [, in, || (at character 5, ")")"#
        ),
        (#""success": true"#, #"success: must be an expression such as "body == 'ok'", not true or false"#),
        (#""retryAfter": 5"#, #"retryAfter: must be an expression such as "json.retry_after", not a number"#),
        (
            #""outcomes": {"400": []}"#,
            #"outcomes.400: needs 1 to 100 cases such as {"when": "body == 'Queue is full'", "outcome": "retry"}"#
        ),
        (
            #""outcomes": {"400": [{"outcome": "retry"}]}"#,
            #"outcomes.400[0]: "when" is missing: add a condition such as "body == 'Queue is full'""#
        ),
        (
            #""outcomes": {"400": [{"when": "true"}]}"#,
            #"outcomes.400[0]: "outcome" is missing: add "outcome": "retry", "dead", "held" or "delivered""#
        ),
        (
            #""outcomes": {"400": [{"when": "true", "outcome": "ded"}]}"#,
            #"outcomes.400[0].outcome: "ded" is none of "delivered", "retry", "dead" or "held", did you mean "dead"?"#
        ),
        (
            #""outcomes": {"400": [{"when": "(", "outcome": "dead"}]}"#,
            "outcomes.400[0].when: this is no expression: Unexpected end of input (at its end)"
        ),
    ])
    func faultIsAnErrorWithItsPlace(member: String, expected: String) {
        #expect(messages(routesText(destination: member)) == ["error: \(Self.place).\(expected)"])
    }

    @Test func positionIsThatOfTheExpression() {
        let lines = findingLines(routesText(destination: #""timeout": "5s", "success": "a b""#))
        #expect(lines.count == 1)
        #expect(lines[0].hasPrefix("routes.json:3:54: error: destinations.crm.success: this is no expression: "))
        #expect(lines[0].hasSuffix(#"(at character 3, "b")"#))
    }

    @Test(arguments: [
        (#""success": "body""#, "success: gives a text for an empty answer 200, which is neither true nor false"),
        (#""success": "status""#, "success: gives a number for an empty answer 200"),
        (#""success": "json""#, "success: gives null for an empty answer 200"),
        (#""retryAfter": "headers['retry-after']""#, "retryAfter: gives a text for an answer 429, which is no number"),
        (#""success": "body.ok""#, "success: fails for every answer: infix: . expects objects; there are status"),
        (#""success": "jsn.ok""#, "success: fails for every answer: unknown context value jsn; there are status"),
        (
            #""success": "headers.content-type""#,
            #"success: fails for every answer: object has no property "content"; there are status"#
        ),
        (
            #""outcomes": {"5xx": [{"when": "len(status) == 3", "outcome": "dead"}]}"#,
            "outcomes.5xx[0].when: fails for every answer"
        ),
    ])
    func doubtIsAWarning(member: String, expected: String) {
        let found = messages(routesText(destination: member))
        #expect(found.count == 1 && found[0].hasPrefix("warning: \(Self.place).\(expected)"), "\(found)")
    }

    @Test(arguments: [
        #""success": "body == 'ok'""#, #""success": "json && json['ok']""#, #""success": "json.ok""#,
        #""success": "json.no.such.key == 1""#, #""success": "status < 300""#, #""success": "'x' in headers""#,
        #""retryAfter": "json.retry_after""#, #""retryAfter": "json.parameters.retry_after""#,
        #""retryAfter": "number(headers['x-ratelimit-reset-after'])""#, #""retryAfter": "json.wait.seconds * 60""#,
        #""outcomes": {"400": [{"when": "body == 'Queue is full'", "outcome": "retry"}]}"#,
        #""outcomes": {"4xx": [{"when": "json.errors[0].code == 7", "outcome": "retry"}]}"#,
    ])
    func usefulExpressionHasNoFinding(member: String) {
        #expect(messages(routesText(destination: member)) == [])
    }
}
