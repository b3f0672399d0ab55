import Testing

@testable import Relay

/// Warnings about routes, which start on line 4; each is `line:column: path: message`, `match` for `routes[N].match`.
private func warnings(_ routes: String) -> [String] {
    let text = """
        {"sources": {"one": {"path": "/1", "keys": [{"env": "A"}]}, "two": {"path": "/2", "keys": [{"env": "A"}]}},
        "destinations": {"crm": {"url": "https://a.example/"}},
        "routes": [
        \(routes)
        ]}
        """
    let decoded = RoutesFile.decode(Array(text.utf8))
    #expect(decoded.file != nil, "a warning leaves the file usable")
    return decoded.findings.filter { $0.severity == .warning }.map { "\($0.position): \($0.path): \($0.message)" }
}

/// Warnings about one route's match, which starts in column 12, without line and `routes[0].match`.
private func lints(_ match: String) -> [String] {
    warnings(#"{"match":  \#(match), "name": "a", "to": ["crm"]}"#).map {
        $0.replacing("4:", with: "", maxReplacements: 1).replacing("routes[0].match", with: "match", maxReplacements: 1)
    }
}

@Suite struct RouteLintTests {
    // MARK: - anything-but

    @Test(arguments: [
        (#"{"user": {"email": [{"anything-but": "bot@a.com"}]}}"#, "32: match.user.email", "user.email"),
        (#"{"tracking.x": ["zy", {"anything-but": {"prefix": "z"}}]}"#, "34: match.tracking.x", "tracking.x"),
        (
            #"{"assignedUsers": {"name": [{"anything-but": "x"}]}}"#, "40: match.assignedUsers.name",
            "assignedUsers.name"
        ),
        (#"{"location": [{"anything-but": ["Greece"]}]}"#, "26: match.location", "location"),
        (#"{"origin": [{"anything-but": "web"}]}"#, "24: match.origin", "origin"),
        // Of two anything-buts each needs the other.
        (
            #"{"user": {"name": ["x", {"exists": false}], "email": [{"anything-but": "x"}]}}"#, "66: match.user.email",
            "user.email"
        ),
        // Parameters come and go by themselves.
        (
            #"{"tracking": {"a": ["x"], "b": [{"anything-but": "x"}]}}"#, "44: match.tracking.b", "tracking.b"
        ),
        (
            #"{"$or": [{"user.name": ["x"]}, {"user.email": [{"anything-but": "x"}]}]}"#, "59: match.user.email",
            "user.email"
        ),
    ])
    func anythingButOfAFieldThatMayBeMissing(match: String, place: String, field: String) {
        let text = "an event without \(field) does not match: add {\"exists\": false} to the list if it should"
        #expect(lints(match) == ["\(place): \(text)"])
    }

    @Test(arguments: [
        #"{"user": {"email": [{"anything-but": "x"}, {"exists": false}]}}"#,
        #"{"user": {"email": [{"exists": false}, "y", {"anything-but": ["x", "y", "z"]}]}}"#,
        // Always there.
        #"{"link": [{"anything-but": "@acme.test"}], "resolution": [{"anything-but": "missed"}]}"#,
        #"{"account": {"id": [{"anything-but": "x"}]}, "duration": [{"anything-but": [0, 1]}]}"#,
        // Another field of the same person.
        #"{"user": {"name": [{"exists": true}], "email": [{"anything-but": "x"}]}}"#,
        // Whoever keeps out the empty text too wants a value.
        #"{"tracking": {"campaign": [{"anything-but": ["", "test"]}]}}"#,
        // Absence is thought of elsewhere.
        #"{"$or": [{"location": [{"anything-but": "x"}]}, {"location": [{"exists": false}], "duration": [1]}]}"#,
    ])
    func anythingButThatNeedsNoAbsence(match: String) {
        #expect(lints(match) == [])
    }

    @Test func twoAnythingButsInOneList() {
        let match = #"{"link": [{"anything-but": "@a"}, {"anything-but": "@b"}]}"#
        let text = #"two anything-buts in one list fit every value: write {"anything-but": ["@a", "@b"]}"#
        #expect(lints(match) == ["46: match.link: \(text)"])
    }

    // MARK: - Names

    @Test(arguments: [
        (#"{"links": ["x"]}"#, #"13: match.links: Gruveo sends no "links", did you mean "link"?"#),
        (
            #"{"Resolution": ["missed"]}"#,
            #"13: match.Resolution: Gruveo sends no "Resolution", did you mean "resolution"?"#
        ),
        (
            #"{"customer_id": ["14810"]}"#,
            #"13: match.customer_id: Gruveo sends no "customer_id": a parameter of the call's link is "#
                + #""tracking.customer_id""#
        ),
        (#"{"email": ["x"]}"#, #"13: match.email: Gruveo sends no "email", did you mean "user.email"?"#),
        (#"{"usr": {"name": ["x"], "email": ["y"]}}"#, #"13: match.usr: Gruveo sends no "usr", did you mean "user"?"#),
        (#"{"usr.name": ["x"]}"#, #"13: match.usr: Gruveo sends no "usr", did you mean "user"?"#),
        (
            #"{"user": {"mail": ["x"]}}"#,
            #"22: match.user.mail: Gruveo sends no "user.mail", did you mean "user.email"?"#
        ),
        (
            #"{"account": {"plan": ["x"]}}"#,
            #"25: match.account.plan: Gruveo sends no "account.plan": the fields there are id, organization"#
        ),
        (
            #"{"$or": [{"duration": [1]}, {"assignedUsers": {"phone": ["x"]}}]}"#,
            #"59: match.assignedUsers.phone: Gruveo sends no "assignedUsers.phone": the fields there are email, name"#
        ),
    ])
    func namesThatGruveoDoesNotSend(match: String, expected: String) {
        #expect(lints(match) == [expected])
    }

    @Test(arguments: [
        #"{"timestamp": [1], "maxParticipants": [1], "duration": [1], "link": ["a"], "location": ["a"]}"#,
        #"{"resolution": ["missed"], "user": {"name": ["a"], "email": ["a"]}, "waitingTime": [1]}"#,
        #"{"account": {"id": ["a"], "organization": ["a"]}, "assignedUsers": {"name": ["a"], "email": ["a"]}}"#,
        #"{"origin": ["web", 5, null], "platform": [true], "platform.os": ["x"]}"#,
        #"{"tracking": {"links": ["a"], "utm.source": ["b"], "é": ["c"]}, "tracking.nmae": ["d"]}"#,
    ])
    func namesThatGruveoSends(match: String) {
        #expect(lints(match) == [])
    }

    // MARK: - Kinds

    @Test(arguments: [
        (
            #"{"tracking": {"n": ["1", {"numeric": [">", 5]}]}}"#,
            #"37: match.tracking.n: tracking values are strings, so {"numeric":[">",5]} never fits: write values in "#
                + #"quotes, or {"prefix": "text"}"#
        ),
        (
            #"{"tracking.n": ["1", 5]}"#,
            #"33: match.tracking.n: tracking values are strings, so 5 never fits: write "5""#
        ),
        (
            #"{"tracking.n": ["1", true]}"#,
            #"33: match.tracking.n: tracking values are strings, so true never fits: write "true""#
        ),
        (
            #"{"tracking.n": [null, {"exists": false}]}"#,
            #"28: match.tracking.n: tracking values are strings, so null never fits: for a missing one write "#
                + #"{"exists": false}"#
        ),
        (
            #"{"tracking.n": [{"anything-but": 5}, {"exists": false}]}"#,
            #"28: match.tracking.n: tracking values are strings, so {"anything-but":5} keeps nothing out: write "5""#
        ),
        (#"{"duration": [1, "183"]}"#, #"29: match.duration: duration is a number, so "183" never fits: write 183"#),
        (
            #"{"duration": [1, {"prefix": "18"}]}"#,
            #"29: match.duration: duration is a number, so {"prefix":"18"} never fits: write a number without quotes, "#
                + #"or {"numeric": [">", 5]}"#
        ),
        (
            #"{"maxParticipants": [{"anything-but": "2"}]}"#,
            #"33: match.maxParticipants: maxParticipants is a number, so {"anything-but":"2"} keeps nothing out: "#
                + "write 2"
        ),
        (#"{"link": ["a", 5]}"#, #"27: match.link: link is a string, so 5 never fits: write "5""#),
        (
            #"{"location": [null]}"#,
            #"26: match.location: null is a value, and Gruveo leaves out what it lacks: for a missing one write "#
                + #"{"exists": false}"#
        ),
    ])
    func valuesOfAnotherKind(match: String, expected: String) {
        #expect(lints(match) == [expected])
    }

    @Test(arguments: [
        #"{"tracking": {"n": ["5", {"prefix": "1"}, {"wildcard": "*x*"}, {"cidr": "10.0.0.0/8"}]}}"#,
        #"{"duration": [{"numeric": [">", 5]}, 1, {"exists": false}], "timestamp": [{"exists": true}]}"#,
        #"{"location": [null, {"exists": false}], "waitingTime": [null, {"exists": false}]}"#,
        #"{"duration": [{"anything-but": [5, 6]}]}"#,
    ])
    func valuesOfTheFieldsKind(match: String) {
        #expect(lints(match) == [])
    }

    // MARK: - Resolutions

    @Test(arguments: [
        (
            #"["missed", "Missed"]"#,
            #"38: match.resolution: no call has the resolution "Missed", did you mean "missed"?"#
        ),
        (
            #"["missed", "lost"]"#,
            #"38: match.resolution: no call has the resolution "lost": it is "missed", "answered" or "declined""#
        ),
        (
            #"["missed", {"suffix": "x"}]"#,
            #"38: match.resolution: {"suffix":"x"} fits no resolution: it is "missed", "answered" or "declined""#
        ),
        (
            #"["missed", {"wildcard": "Mis*"}]"#,
            #"38: match.resolution: {"wildcard":"Mis*"} fits no resolution: it is "missed", "answered" or "declined""#
        ),
        (
            #"[{"anything-but": ["missed", "refused"]}]"#,
            #"28: match.resolution: no call has the resolution "refused": it is "missed", "answered" or "declined""#
        ),
        (
            #"[{"anything-but": {"prefix": "x"}}]"#,
            #"28: match.resolution: this keeps out no resolution: it is "missed", "answered" or "declined""#
        ),
        (
            #"["missed", 5]"#,
            #"38: match.resolution: resolution is a string, so 5 never fits: it is "missed", "answered" or "declined""#
        ),
    ])
    func resolutionsThatThereAreNot(list: String, expected: String) {
        #expect(lints(#"{"resolution": \#(list)}"#) == [expected])
    }

    @Test(arguments: [
        #"["missed", "answered", "declined"]"#, #"[{"equals-ignore-case": "MISSED"}]"#, #"[{"suffix": "ed"}]"#,
        #"[{"wildcard": "*s*"}]"#, #"[{"anything-but": "missed"}]"#, #"[{"anything-but": {"prefix": "m"}}]"#,
        #"[{"exists": true}]"#, #"[{"exists": false}, "missed"]"#,
    ])
    func resolutionsThatThereAre(list: String) {
        #expect(lints(#"{"resolution": \#(list)}"#) == [])
    }

    // MARK: - Never and always

    @Test(arguments: [
        (#"{"resolution": ["Missed", 5], "link": ["a"]}"#, "resolution", 2),
        (#"{"resolution": [{"anything-but": ["missed", "answered", "declined"]}]}"#, "resolution", 1),
        (#"{"duration": ["1", {"prefix": "1"}]}"#, "duration", 2),
        (#"{"link": ["a"], "$or": [{"duration": ["1"]}, {"tracking.n": [5]}]}"#, "duration, tracking.n", 2),
        (#"{"link.name": ["a"]}"#, "link.name", 1),
        (#"{"link": {"$or": [{"name": ["a"]}, {"id": ["b"]}]}}"#, "link.name, link.id", 2),
        (#"{"user": ["John"]}"#, "user", 1),
        (#"{"user": [{"exists": true}]}"#, "user", 1),
        (#"{"tracking": [{"anything-but": "x"}]}"#, "tracking", 1),
    ])
    func aRouteThatNoEventMatches(match: String, fields: String, others: Int) {
        let found = lints(match)
        #expect(found.contains("12: match: this route can never match: no event of Gruveo fits \(fields)"), "\(found)")
        #expect(found.count == others + 1, "\(found)")
    }

    @Test(arguments: [
        #"{"duration": ["1", 1]}"#, #"{"duration": ["1", {"exists": false}]}"#, #"{"location": [null]}"#, #"{}"#,
        #"{"user": [null]}"#, #"{"user": [{"exists": false}]}"#, #"{"$or": [{"duration": ["1"]}, {"link": ["a"]}]}"#,
        #"{"link": [{"exists": false}]}"#, #"{"foo": ["a"], "foo.bar": ["b"]}"#, #"{"origin": [5], "origin.x": [5]}"#,
        #"{"user": [{"exists": false}], "user.name": ["x"]}"#, #"{"link.x": [{"exists": false}]}"#,
        #"{"assignedUsers": {"name": ["a"], "email": [{"exists": false}]}}"#,
    ])
    func aRouteThatSomeEventMayMatch(match: String) {
        #expect(!lints(match).contains { $0.contains("never match") })
    }

    @Test(arguments: [
        (
            #"{"user": ["John"]}"#,
            #"22: match.user: user holds fields and is no value, so this never fits: name "user.email" or "user.name""#
        ),
        (
            #"{"user": [{"exists": false}]}"#,
            #"22: match.user: user holds fields and is no value, so this always fits: name "user.email" or "user.name""#
        ),
        (
            #"{"tracking": [{"exists": true}]}"#,
            #"26: match.tracking: tracking holds fields and is no value, so this never fits: name "tracking.NAME""#
        ),
        (
            #"{"user": {"name": {"first": ["x"]}}}"#,
            "31: match.user.name.first: user.name is a value and holds no fields, so this never fits: "
                + #"write "user.name": […]"#
        ),
    ])
    func objectsAndValuesTakenForEachOther(match: String, expected: String) {
        #expect(lints(match).contains(expected), "\(lints(match))")
    }
}

@Suite struct SameMatchTests {
    private static let text = #"has the same match: put all destinations into the "to" of one of them"#

    @Test(arguments: [
        (#"{"link": ["x", "y"], "tracking": {"a": ["b"]}}"#, #"{"tracking.a": ["b"], "link": ["y", "x"]}"#),
        (#"{}"#, #"{}"#),
        (#""otherwise""#, #""otherwise""#),
        (
            #"{"$or": [{"link": ["x"]}, {"duration": [1]}]}"#, #"{"$or": [{"duration": [1.0]}, {"link": ["x"]}]}"#
        ),
    ])
    func routesWithTheSameMatch(first: String, second: String) {
        let routes = """
            {"match":  \(first), "name": "first", "to": ["crm"]},
            {"match":  {"link": ["else"]}, "name": "between", "to": ["crm"]},
            {"match":  \(second), "name": "second", "to": ["crm"], "from": ["two", "one"]}
            """
        #expect(warnings(routes) == [#"6:12: routes[2].match: the route "first" at 4:12 \#(Self.text)"#])
    }

    @Test(arguments: [(#"["one"]"#, #"["two"]"#), (#"["one", "two"]"#, #"["two"]"#)])
    func routesThatListenElsewhereAreDifferent(first: String, second: String) {
        let routes = """
            {"match":  {"link": ["x"]}, "name": "first", "to": ["crm"], "from": \(first)},
            {"match":  {"link": ["x"]}, "name": "second", "to": ["crm"], "from": \(second)}
            """
        #expect(warnings(routes) == [])
    }

    @Test func eachRepeatNamesTheFirst() {
        let routes = (0..<3).map { #"{"match":  {"link": ["x"]}, "name": "r\#($0)", "to": ["crm"], "from": ["one"]}"# }
        #expect(
            warnings(routes.joined(separator: ",\n")) == [
                #"5:12: routes[1].match: the route "r0" at 4:12 \#(Self.text)"#,
                #"6:12: routes[2].match: the route "r0" at 4:12 \#(Self.text)"#,
            ])
    }
}
