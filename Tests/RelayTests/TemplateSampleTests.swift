import JSON
import Relay
import Testing

/// What `check` says of templates by rendering them with sample events.
@Suite struct TemplateSampleTests {
    private func warnings(_ members: String) -> [String] {
        let text = routesText(destination: members)
        let (_, findings) = RoutesFile.load(Array(text.utf8), directory: "/", rendersSamples: true) { _ in
            .success(SecretContent(Array("a-key-of-more-than-16-bytes".utf8)))
        }
        return findings.filter { $0.severity != .note }.map { "\($0.severity): \($0.path): \($0.message)" }
    }

    @Test(arguments: [
        #""body": {"a": "${default(location, 'unknown')} ${resolution} ${link}", "b": {"$eval": "duration * 1000"}}"#,
        #""body": {"c": {"$if": "'customer_id' in tracking", "then": "${tracking.customer_id}"}}"#,
        #""body": {"u": "${default(user, {})['name']}"}"#,
        #""body": {"n": {"$map": {"$eval": "assignedUsers"}, "each(u)": "${u.name}"}}"#,
        #""body": {"$eval": "event"}"#, #""headers": {"X-Call": "${location}"}"#,
    ])
    func templateThatNeverFailsIsNoFinding(members: String) {
        #expect(warnings(members) == [])
    }

    @Test(arguments: [
        (
            #""body": {"a": ["${user.name}"]}"#,
            "warning: destinations.crm.body.a[0]: fails for 9 of 17 sample events, such as \"answered without user\": "
                + "infix: . expects objects; what stands before the dot may be null: write default(user, {})['name'] "
                + "for user.name"
        ),
        (
            #""body": "${tracking.customer_id}""#,
            "warning: destinations.crm.body: fails for 6 of 17 sample events, such as \"answered without tracking\": "
                + "object has no property \"customer_id\"; where it may be missing write ['customer_id'] instead of "
                + ".customer_id, or ask 'customer_id' in … with $if"
        ),
        (
            #""headers": {"X-Call": "${assignedUsers[0].name}"}"#,
            "warning: destinations.crm.headers.X-Call: fails for 6 of 17 sample events, such as \"answered without "
                + "assignedUsers\": index out of bounds"
        ),
        (
            #""body": "${locaton}""#,
            "warning: destinations.crm.body: fails for 17 of 17 sample events, such as \"answered\": unknown context "
                + "value locaton, did you mean \"location\"?; a field that Gruveo does not document is "
                + "event['locaton']"
        ),
        (
            #""body": "${uppcase(link)}""#,
            "warning: destinations.crm.body: fails for 17 of 17 sample events, such as \"answered\": unknown context "
                + "value uppcase, did you mean \"uppercase\"?; a field that Gruveo does not document is "
                + "event['uppcase']"
        ),
        (
            #""body": {"$if": "resolution == 'missed'", "then": 1}"#,
            "warning: destinations.crm.body: fails for 12 of 17 sample events, such as \"answered\": the body as a "
                + "whole is left out: give it an \"else\""
        ),
    ])
    func templateThatFailsNamesThePlaceAndTheSample(members: String, expected: String) {
        #expect(warnings(members) == [expected])
    }

    @Test func failuresOfEachPartAreReportedAtOnce() {
        let found = warnings(#""body": "${a}", "headers": {"X-A": "${b}", "X-B": "${c}"}, "format": "text""#)
        #expect(found.count == 3)
    }

    @Test func samplesAreTriedWhereAskedForOnly() {
        let text = routesText(destination: #""body": "${a}""#)
        let (_, findings) = RoutesFile.load(Array(text.utf8), directory: "/") { _ in
            .success(SecretContent(Array("a-key-of-more-than-16-bytes".utf8)))
        }
        #expect(findings.filter { $0.severity != .note } == [])
    }
}

/// What `check` says of a template's text.
@Suite struct TemplateAdviceTests {
    @Test(arguments: [
        (
            #"{"$if": "a", "thn": 1}"#,
            #"$if has undefined properties: thn: it knows then and else, did you mean "then"?"#
        ),
        (
            #"{"$if": "link", "$eval": "link"}"#,
            "only one operator allowed: keep one of the keys that begin with $ here"
        ),
        (#""${link""#, "the expression is not well formed: unterminated ${..} expression: close it with }"),
        (
            #"{"$eval": "a +"}"#,
            "the expression is not well formed: Unexpected end of input: a value or a bracket is missing at its end"
        ),
        (
            #"{"$eval": "'a"}"#,
            "the expression is not well formed: Unexpected input for ''a' at ''a': texts stand between quotes, names "
                + "hold letters, digits and \"_\""
        ),
        (
            #"{"$eval": "a.1"}"#,
            "the expression is not well formed: Found: 1 token, expected one of: identifier: remove it, or put a text "
                + "between quotes"
        ),
    ])
    func faultSaysWhatToDo(body: String, expected: String) {
        #expect(messages(routesText(destination: "\"body\": \(body)")) == ["error: destinations.crm.body: \(expected)"])
    }

    @Test func misspeltOperatorIsToldTheOperators() {
        let found = messages(routesText(destination: #""body": {"$iff": "a"}"#))
        #expect(
            found.count == 1 && found[0].contains("use $$<identifier> for a key of your own; the operators are $eval"))
    }
}
