import EventPatterns
import JSON
import Testing

@testable import Relay

/// The router's explanation beside the router's answer.
struct RouterExplainTests {
    private static let text = """
        {"sources": {"gruveo": {"path": "/g", "keys": [{"env": "KEY"}], "maxAge": "1h"},
            "other": {"path": "/o", "keys": [{"env": "KEY"}]}},
        "destinations": {"crm": {"url": "https://a.example/"}, "log": {"url": "https://b.example/"}},
        "routes": [
            {"name": "rest", "match": "otherwise", "to": ["log"]},
            {"name": "missed", "match": {"resolution": ["missed"], "link": ["@a"]}, "to": ["crm"]},
            {"name": "others", "match": {}, "to": ["crm"], "from": ["other"]},
            {"name": "campaign", "match": {"tracking": {"campaign": [{"anything-but": "x"}]}}, "to": ["log", "crm"]},
            {"name": "gruveo rest", "match": "otherwise", "to": ["log"], "from": ["gruveo"]}
        ]}
        """

    private struct Explained {
        let routing: Routing
        let answer: Routing
        /// "-" where the route matches.
        let reasons: [String]
        let fields: [String?]
    }

    private func explained(_ event: String, source name: String = "gruveo", now: Timestamp = .at(0)) throws -> Explained
    {
        let configuration = try #require(try resolved(RouterExplainTests.text, ["KEY": longKey]).configuration)
        let source = try #require(configuration.sources.first { $0.name == name })
        let file = try JSONNode.parse(Array(RouterExplainTests.text.utf8))
        let body = Array(event.utf8)
        let found = configuration.router.explain(body, source: source, receivedAt: now, file: file)
        let mismatches = found.routes.map(\.mismatch)
        #expect(found.routes.map(\.name) == configuration.router.routes.map(\.name))
        return Explained(
            routing: found.routing, answer: configuration.router.route(body, source: source, receivedAt: now),
            reasons: mismatches.map { mismatch in
                switch mismatch {
                case nil: "-"
                case .other(let reason): reason
                case .field(let failure): failure.sentence
                }
            },
            fields: mismatches.map { if case .field(let failure)? = $0 { failure.path } else { nil } })
    }

    @Test func eachRouteThatDoesNotMatchHasItsOwnReason() throws {
        let found = try explained(#"{"resolution":"missed","link":"@b"}"#)
        #expect(found.routing == .matched(routes: ["rest", "gruveo rest"], destinations: ["log"]))
        let trap =
            "tracking.campaign is missing, but the rule wants {\"anything-but\":\"x\"}: anything-but wants a value "
            + "that is there; add {\"exists\": false} to the list if that should match"
        #expect(
            found.reasons == [
                "-", "link is \"@b\", but the rule wants \"@a\"",
                "it listens to other only (\"from\"), and this event comes from gruveo", trap, "-",
            ])
        #expect(found.fields == [nil, "link", nil, "tracking.campaign", nil])
    }

    @Test func otherwiseNamesTheRoutesThatMatched() throws {
        let found = try explained(#"{"tracking":{"campaign":"y"}}"#, source: "other")
        #expect(found.routing == .matched(routes: ["others", "campaign"], destinations: ["crm", "log"]))
        let reason = #""otherwise" is for events that no other route wants, and this one matches "others", "campaign""#
        #expect(found.reasons[0] == reason)
        #expect(found.reasons[4] == "it listens to gruveo only (\"from\"), and this event comes from other")
    }

    @Test func ofAQuarantinedEventEveryRouteSaysSo() throws {
        for (event, reason) in [
            (#"{"a":1,"a":2}"#, #"duplicate key "a" at 1:8"#), ("[]", "the body is a list, not a JSON object"),
            (#"{"timestamp":1}"#, "its timestamp is older than maxAge allows"),
        ] {
            let found = try explained(event)
            #expect(found.routing == .quarantined(reason: reason))
            #expect(found.reasons == [String](repeating: "the event is quarantined: \(reason)", count: 5))
        }
    }

    @Test func itSaysMatchesWhereTheRouterRoutesAndNowhereElse() throws {
        let values = ["\"missed\"", "\"Missed\"", "null", "[\"missed\",1]", "{}"]
        for resolution in values {
            for link in ["\"@a\"", "\"@b\"", "[]"] {
                for rest in [
                    "", ",\"tracking\":{\"campaign\":\"x\"}", ",\"tracking\":{\"campaign\":[\"x\",\"y\"]}",
                    ",\"timestamp\":1", ",\"timestamp\":\"1\"", ",\"link\":1",
                ] {
                    for source in ["gruveo", "other"] {
                        let event = "{\"resolution\":\(resolution),\"link\":\(link)\(rest)}"
                        let found = try explained(event, source: source)
                        #expect(found.routing == found.answer, "\(event)")
                        let names = ["rest", "missed", "others", "campaign", "gruveo rest"]
                        let matching = zip(names, found.reasons).filter { $0.1 == "-" }.map(\.0)
                        if case .matched(let routes, _) = found.answer {
                            #expect(matching == routes, "\(event)")
                        } else {
                            #expect(matching.isEmpty, "\(event)")
                        }
                        #expect(!found.reasons.contains { $0.contains("defect") || $0.isEmpty }, "\(event)")
                    }
                }
            }
        }
    }
}
