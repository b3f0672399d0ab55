import Testing

@testable import Relay

@Suite struct RoutesFileRouteTests {
    private static func text(_ routes: String) -> String {
        """
        {"sources": {"one": {"path": "/1", "keys": [{"env": "A"}]}, "two": {"path": "/2", "keys": [{"env": "A"}]}},
        "destinations": {"crm": {"url": "https://a.example/"}, "log": {"url": "https://b.example/"}},
        "routes": [
        \(routes)
        ]}
        """
    }

    @Test(
        arguments: [
            (
                #"{"match": {"link": ["x"]}, "to": ["crm"]}"#,
                [
                    #"4:1: error: routes[0]: "name" is missing: add a name, which logs and dead letters will show"#
                ]
            ),
            (
                #"{"name": "", "match": {"link": ["x"]}, "to": ["crm"]}"#,
                [
                    "4:10: error: routes[0].name: must be 1 to 200 bytes without control characters"
                ]
            ),
            (
                #"{"name": "a", "to": ["crm"]}"#,
                [
                    #"4:1: error: routes[0]: "match" is missing: add "match": {} for every event, or "otherwise""#
                ]
            ),
            (
                #"{"name": "a", "match": {"link": ["x"]}}"#,
                [
                    #"4:1: error: routes[0]: "to" is missing: add "to": [ "DESTINATION" ]"#
                ]
            ),
            (
                #"{"name": "a", "match": {"link": ["x"]}, "to": []}"#,
                [
                    "4:47: error: routes[0].to: needs at least one destination"
                ]
            ),
            (
                #"{"name": "a", "match": {"link": ["x"]}, "to": "crm"}"#,
                [
                    "4:47: error: routes[0].to: must be a list of destination names, not a string"
                ]
            ),
            (
                #"{"name": "a", "match": {"link": ["x"]}, "to": ["crm", "crm"]}"#,
                [
                    #"4:55: warning: routes[0].to[1]: "crm" is named twice: one is enough"#
                ]
            ),
            (
                #"{"name": "a", "match": {"link": ["x"]}, "to": ["crm"], "from": ["three", "oen"]}"#,
                [
                    #"4:65: error: routes[0].from[0]: unknown source "three""#,
                    #"4:74: error: routes[0].from[1]: unknown source "oen", did you mean "one"?"#,
                ]
            ),
            (
                #"{"name": "a", "match": "otherwize", "to": ["crm"]}"#,
                [
                    #"4:24: error: routes[0].match: "otherwize" is no match: write a pattern or "otherwise", "#
                        + #"did you mean "otherwise"?"#
                ]
            ),
            (
                #"{"name": "a", "match": [], "to": ["crm"]}"#,
                [
                    #"4:24: error: routes[0].match: must be a pattern, which is an object, or "otherwise", not a list"#
                ]
            ),
            (
                #"{"name": "a", "match": {}, "to": ["crm"]}"#,
                [
                    "4:24: note: routes[0].match: this match is empty: it matches every event"
                ]
            ),
            (
                #"{"name": "a", "match": "otherwise", "to": ["crm"]}, {"name": "a", "match": "otherwise", "to": "#
                    + #"["log"]}"#,
                [
                    #"4:62: error: routes[1].name: another route is called "a": choose another name"#,
                    #"4:76: warning: routes[1].match: the route "a" at 4:24 has the same match: put all destinations "#
                        + #"into the "to" of one of them"#,
                ]
            ),
            (
                #"{"name": "é", "match": "otherwise", "to": ["crm"]}, {"name": "é", "match": "otherwise", "to": "#
                    + #"["log"]}"#,
                [
                    #"4:62: error: routes[1].name: another route is called "é": choose another name"#,
                    #"4:76: warning: routes[1].match: the route "é" at 4:24 has the same match: put all destinations "#
                        + #"into the "to" of one of them"#,
                ]
            ),
            (
                #"{"name": "a", "match": "otherwise", "to": ["crm"], "form": ["one"]}"#,
                [
                    #"4:52: error: routes[0]: unknown key "form", did you mean "from"?"#
                ]
            ),
            ("7", [#"4:1: error: routes[0]: must be a route: an object with "name", "match" and "to", not a number"#]),
        ] as [(String, [String])])
    func mistakesInRoutes(route: String, expected: [String]) {
        #expect(findingLines(Self.text(route)) == expected.map { "routes.json:" + $0 })
    }

    @Test func everyFaultOfAPatternHasItsOwnPlace() {
        let lines = findingLines(Self.text(#"{"name": "a", "match": {"link": 1, "user": {}}, "to": ["crm"]}"#))
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("routes.json:4:33: error: routes[0].match.link: "))
        #expect(lines[1].hasPrefix("routes.json:4:44: error: routes[0].match.user: "))
    }

    @Test func aFaultyDestinationIsStillKnownToRoutes() {
        let text = """
            {"sources": {"one": {"path": "/1", "keys": [{"env": "A"}]}}, "destinations": {"crm": {}, "CRM": 5},
            "routes": [{"name": "a", "match": "otherwise", "to": ["crm", "CRM"]}]}
            """
        #expect(
            findingLines(text) == [
                #"routes.json:1:86: error: destinations.crm: "url" is missing: add "url": "https://…", or refer "#
                    + #"to it by "#
                    + #"{"credential": "NAME"}"#,
                #"routes.json:1:90: error: destinations.CRM: the name "CRM" must be 1 to 63 of a-z, 0-9, ".", "#
                    + #""_" and "-", "#
                    + "with a letter or digit first",
                #"routes.json:1:97: error: destinations.CRM: must be a destination: an object with "url", not a "#
                    + #"number"#,
            ])
    }
}

@Suite struct RoutesFileSourceTests {
    private static func text(_ sources: String) -> String {
        """
        {"sources": {\(sources)}, "destinations": {"crm": {"url": "https://a.example/"}},
        "routes": [{"name": "a", "match": "otherwise", "to": ["crm"]}]}
        """
    }

    @Test(
        arguments: [
            ("", ["sources: needs at least one source: without one nothing can come in"]),
            (
                #""a": {}"#,
                [
                    #"sources.a: "path" is missing: add "path": "/webhooks/a""#,
                    #"sources.a: "keys" is missing: add "keys": [ {"credential": "NAME"} ]"#,
                ]
            ),
            (
                #""a": {"path": "/a", "keys": []}"#,
                [
                    #"sources.a.keys: needs at least one key: refer to it by {"credential": "NAME"}, {"env": "#
                        + #""NAME"} or "#
                        + #"{"file": "PATH"}"#
                ]
            ),
            (
                #""a": {"path": "/a", "keys": [{"env": "K"}]}, "b": {"path": "/a", "keys": [{"env": "K"}]}"#,
                [
                    #"sources.b.path: the source "a" already has this path: choose another"#
                ]
            ),
            (
                #""a": {"path": "/a", "keys": [{"env": "K"}, {"credential": "K"}]}"#,
                [
                    #"sources.a.keys[1]: another key of this source is called "K": give each its own "label""#
                ]
            ),
            (
                #""a": {"path": "/a", "keys": [{"env": "K", "label": "é"}]}"#,
                [
                    "sources.a.keys[0].label: must be 1 to 63 characters of visible ASCII"
                ]
            ),
            (
                #""a": {"path": "/healthz", "keys": [{"env": "K"}]}"#,
                [
                    #"sources.a.path: "/healthz" is the relay's own: choose another path"#
                ]
            ),
            (
                #""a": {"path": "hook", "keys": [{"env": "K"}]}"#,
                [
                    #"sources.a.path: must start with "/" and have at most 1024 bytes"#
                ]
            ),
            (
                #""a": {"path": "/a/../b", "keys": [{"env": "K"}]}"#,
                [
                    #"sources.a.path: may not have "." or ".." between slashes: clients would resolve them"#
                ]
            ),
            (
                #""a": {"path": "/a\r\nb", "keys": [{"env": "K"}]}"#,
                [
                    "sources.a.path: may hold only what a URL's path holds: no space, query, fragment or "
                        + "character beyond ASCII"
                ]
            ),
            (
                #""a": {"path": "/a?b", "keys": [{"env": "K"}]}"#,
                [
                    "sources.a.path: may hold only what a URL's path holds: no space, query, fragment or "
                        + "character beyond ASCII"
                ]
            ),
        ] as [(String, [String])])
    func mistakesInSources(sources: String, expected: [String]) {
        #expect(messages(Self.text(sources)) == expected.map { "error: " + $0 })
    }

    @Test(arguments: ["A", "-a", ".a", "a b", "", "é", String(repeating: "a", count: 64), "a/b"])
    func namesAreShortAndPlain(name: String) {
        let found = messages(Self.text(#""\#(name)": {"path": "/a", "keys": [{"env": "K"}]}"#))
        #expect(found.count == 1 && found[0].contains("must be 1 to 63 of a-z, 0-9"))
    }

    @Test(arguments: ["a", "0", "a.b_c-d", String(repeating: "a", count: 63)])
    func plainNamesAreTaken(name: String) {
        #expect(messages(Self.text(#""\#(name)": {"path": "/a", "keys": [{"env": "K"}]}"#)) == [])
    }
}
