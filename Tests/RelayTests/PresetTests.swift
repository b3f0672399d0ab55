import JSON
import Testing

@testable import Relay

/// What a preset adds to a destination, and what `check` says about it.
@Suite struct PresetTests {
    private static func file(_ name: String, _ members: String = "", destination: String = "{}") -> PresetFile {
        let text = #"""
            { "name": "\#(name)", "title": "\#(name.uppercased())", "about": "A test.", \#(members)
              "destination": \#(destination) }
            """#
        return PresetFile(name: name, path: "presets/\(name).json", bytes: Array(text.utf8))
    }

    private static let chat = file(
        "chat",
        #""with": { "room": { "about": "The room.", "example": 7 }, "#
            + #""zone": { "about": "A zone.", "example": "UTC", "default": "UTC" } }, "#
            + #""urls": [ "chat.example/hook/*" ], "#
            + #""warnings": [ { "url": "*.old.example/*", "message": "it is gone" } ],"#,
        destination: #"""
            { "url": "https://chat.example/hook/x", "method": "PUT", "timeout": "3s",
              "headers": { "X-A": "1", "X-B": "2" },
              "outcomes": { "404": "dead", "4xx": "retry" }, "body": { "room": { "$eval": "with.room" } } }
            """#)
    private static let other = file("other", #""urls": [ "other.example/*" ], "experimental": true,"#)

    private static func load(
        _ destination: String, url: String = "", own: [PresetFile] = []
    ) -> (destination: Destination?, lines: [String]) {
        let text = routesText(destination: destination, url: url)
        let loaded = RoutesFile.load(
            Array(text.utf8), directory: "/", presets: PresetLibrary(shipped: [chat, other], own: own)
        ) { _ in .success(SecretContent(longKey)) }
        let lines = loaded.findings.map { "\($0.position) \($0.severity.rawValue): \($0.path): \($0.message)" }
        return (loaded.configuration?.destinations["crm"], lines)
    }

    private static func body(_ destination: Destination?) throws -> String {
        let destination = try #require(destination)
        let delivery = Fixture.delivery(body: #"{"link": "@acme.sales"}"#)
        return String(
            decoding: try RequestBuilder.request(for: delivery, to: destination, now: .at(0)).body, as: UTF8.self)
    }

    @Test func everyKeyThatADestinationLacksComesFromItsPreset() throws {
        let (destination, lines) = PresetTests.load(#""preset": "chat", "with": {"room": 9}"#)
        #expect(lines == [])
        #expect(destination?.url == "https://chat.example/hook/x" && destination?.method == "PUT")
        #expect(destination?.options.timeoutMilliseconds == 3000)
        #expect(try PresetTests.body(destination) == #"{"room":9}"#)
    }

    @Test func whatADestinationSaysItselfCounts() throws {
        let (destination, lines) = PresetTests.load(
            #""preset": "chat", "with": {"room": 9}, "method": "POST", "timeout": "4s", "body": {"b": "${link}"}"#,
            url: #""https://relay.example/""#)
        #expect(lines == [])
        #expect(destination?.url == "https://relay.example/" && destination?.method == "POST")
        #expect(destination?.options.timeoutMilliseconds == 4000)
        #expect(try PresetTests.body(destination) == #"{"b":"@acme.sales"}"#)
    }

    @Test func aFaultInAValueIsReportedThere() throws {
        #expect(
            PresetTests.load(#""preset": "chat", "with": {"room": {"$eval": "("}}"#).lines == [
                "3:71 error: destinations.crm.with.room: the expression is not well formed: Unexpected end of input: "
                    + "a value or a bracket is missing at its end"
            ])
        let (destination, _) = PresetTests.load(
            #""preset": "chat", "with": {"room": {"$eval": "tracking.room"}}, "body": {"without": "${with.zone}"}"#)
        #expect { try PresetTests.body(destination) } throws: {
            ($0 as? TemplateFailure)?.text
                == #"the template fails at with.room: object has no property "room""#
        }
        let (own, _) = PresetTests.load(
            #""preset": "chat", "with": {"room": 1}, "body": {"with": {"who": "${link.x}"}}"#)
        #expect { try PresetTests.body(own) } throws: { ($0 as? TemplateFailure)?.place == "body.with.who" }
    }

    @Test func headersAndOutcomesAreJoinedMemberByMember() {
        let (destination, lines) = PresetTests.load(
            #""preset": "chat", "with": {"room": 9}, "headers": {"x-a": "3", "X-C": "4"}, "outcomes": {"404": "held"}"#)
        #expect(lines == [])
        #expect(destination?.headers.map { "\($0.name): \($0.value)" } == ["x-a: 3", "X-C: 4", "X-B: 2"])
        #expect(destination?.overrides.exact == [404: .always(.held)])
        #expect(destination?.overrides.classes == [4: .always(.retry)])
    }

    @Test func theValuesOfWithAreTemplatesOfTheEvent() throws {
        let given = #""preset": "chat", "with": {"room": {"$if": "link", "then": "${link}!", "else": 1}}"#
        #expect(try PresetTests.body(PresetTests.load(given).destination) == #"{"room":"@acme.sales!"}"#)
        let own = PresetTests.load(#""with": {"a": 1.0}, "body": ["${with.a}"]"#, url: #""https://a.example""#)
        #expect(own.lines == [])
        #expect(try PresetTests.body(own.destination) == #"["1.0"]"#)
    }

    @Test(arguments: [
        (
            #""preset": "chatt""#,
            #"3:36 error: destinations.crm.preset: unknown preset "chatt", did you mean "chat"? "#
                + "(there are chat, other)"
        ),
        (#""preset": 7"#, "3:36 error: destinations.crm.preset: must be the name of a preset, not a number"),
        (
            #""preset": "chat""#,
            #"3:36 error: destinations.crm.preset: the preset "chat" needs "room": "#
                + #"add "with": { "room": 7 }. The room."#
        ),
        (
            #""preset": "chat", "with": {"room": null}"#,
            #"3:52 error: destinations.crm.with: the preset "chat" needs "room": "#
                + #"add "with": { "room": 7 }. The room."#
        ),
        (
            #""preset": "chat", "with": {"rom": 7}"#,
            #"3:53 error: destinations.crm.with: the preset "chat" takes no value "rom", did you mean "room"?"#
        ),
        (
            #""preset": "chat", "with": {"room": 7, "colour": 7}"#,
            #"3:64 error: destinations.crm.with: the preset "chat" takes no value "colour": remove it, "#
                + "it takes room, zone"
        ),
        (
            #""url": "https://a.example", "with": {"room": 7}"#,
            #"3:62 error: destinations.crm.with: "with" gives values to a body: add a "body", or remove it"#
        ),
    ])
    func mistakesSayWhatToWrite(destination: String, expected: String) {
        #expect(PresetTests.load(destination).lines == [expected])
    }

    @Test func aPresetThatIsNotThereHidesNoOtherFault() {
        let given = #""preset": "chatt", "with": {"room": "${link"}, "format": "form", "rat": "1/s", "timeout": "5""#
        let lines = PresetTests.load(given).lines
        #expect(lines.count == 4, "\(lines)")
        #expect(lines.contains { $0.contains("destinations.crm.with.room") })
        #expect(
            lines.contains { $0.contains("unknown preset") } && lines.contains { $0.contains(#"unknown key "rat""#) })
        #expect(lines.contains { $0.contains("destinations.crm.timeout") })
    }

    @Test func aServiceThatWantsAuthIsToldWhoAsks() {
        let closed = PresetTests.file("closed", #""auth": true, "needs": [ "a token" ],"#)
        func lines(_ more: String) -> [String] {
            PresetTests.load(#""preset": "closed""# + more, url: #""https://a.example""#, own: [closed]).lines
        }
        #expect(
            lines("") == [
                "3:36 warning: destinations.crm.preset: the service refuses requests without authorization: "
                    + #"add "auth" to the destination. It needs a token"#
            ])
        #expect(lines(#", "auth": {"bearer": {"env": "KEY"}}"#) == [])
        #expect(lines(#", "headers": {"authorization": {"env": "KEY"}}"#) == [])
    }

    @Test func aFaultInAPresetNamesItsFileAndPlace() {
        let faulty = PresetTests.file("mine", #""titel": 1,"#, destination: #"{ "timeout": "5", "preset": "chat" }"#)
        #expect(
            PresetTests.load(#""preset": "mine", "url": "https://a.example""#, own: [faulty]).lines == [
                #"3:36 error: destinations.crm.preset: presets/mine.json:1:56: "#
                    + #"unknown key "titel", did you mean "title"?"#,
                #"3:36 error: destinations.crm.preset: presets/mine.json:2:31: destination.timeout: "5" has no unit: "#
                    + #"write "5s", or with m, h or d"#,
                #"3:36 error: destinations.crm.preset: presets/mine.json:2:36: destination: "#
                    + #"a preset cannot have "preset" here: remove it"#,
            ])
        let empty = PresetFile(name: "mine", path: "presets/mine.json", bytes: [])
        #expect(
            PresetTests.load(#""preset": "mine", "url": "https://a.example""#, own: [empty]).lines.map {
                $0.hasPrefix("3:36 error: destinations.crm.preset: presets/mine.json:1:1: ")
            } == [true])
    }

    @Test func aFaultThatComesOfBothStandsWhereThePresetIsNamed() {
        let paced = PresetTests.file("paced", destination: #"{ "ordered": true }"#)
        #expect(
            PresetTests.load(#""preset": "paced", "url": "https://a.example", "concurrency": 8"#, own: [paced]).lines
                == [
                    "3:36 error: destinations.crm.ordered: sends one after the other, "
                        + #""concurrency" is 8: remove "concurrency""#
                ])
    }

    @Test func aPresetThatCannotBeReadSaysWhy() {
        let closed = PresetFile(name: "mine", path: "presets/mine.json", .unreadable("Permission denied"))
        #expect(
            PresetTests.load(#""preset": "mine", "url": "https://a.example""#, own: [closed]).lines == [
                "3:36 error: destinations.crm.preset: presets/mine.json:1:1: cannot be read: Permission denied"
            ])
        #expect(PresetTests.load("", url: #""https://a.example""#, own: [closed]).lines == [])
    }

    @Test func theOperatorsOwnPresetWins() throws {
        let own = PresetTests.file("chat", destination: #"{ "body": "mine" }"#)
        let (destination, lines) = PresetTests.load(#""preset": "chat", "url": "https://a.example""#, own: [own])
        #expect(try PresetTests.body(destination) == #""mine""#)
        #expect(
            lines == [
                "3:36 note: destinations.crm.preset: presets/chat.json is used in place of the preset of this name "
                    + "that comes with the program"
            ])
    }

    @Test func anExperimentalPresetIsNoted() {
        let lines = PresetTests.load(#""preset": "other", "url": "https://a.example""#).lines
        #expect(
            lines.map { $0.hasPrefix(#"3:36 note: destinations.crm.preset: the preset "other" is experimental"#) } == [
                true
            ])
    }

    @Test(arguments: [
        (
            "https://chat.example/hook/x", nil,
            #"note: destinations.crm.url: this is a URL of CHAT, for which there is "preset": "chat""#
        ),
        (
            "HTTPS://Chat.Example/hook/x?y", nil,
            #"note: destinations.crm.url: this is a URL of CHAT, for which there is "preset": "chat""#
        ),
        ("https://chat.example/Hook/x", nil, nil), ("https://chat.example.evil/hook/x", nil, nil),
        (
            "https://other.example/x", "chat",
            #"warning: destinations.crm.url: this is a URL of OTHER, for which there is "preset": "other", not "chat""#
        ),
        ("https://chat.example/hook/x", "chat", nil),
        ("https://a.old.example/x", "chat", "warning: destinations.crm.url: it is gone"),
        ("https://a.old.example/x", nil, "warning: destinations.crm.url: it is gone"),
    ])
    func aURLSaysWhoseItIs(url: String, preset: String?, expected: String?) {
        let named = preset.map { #""preset": "\#($0)", "with": {"room": 7}"# } ?? ""
        let lines = PresetTests.load(named, url: "\"\(url)\"").lines
        #expect(lines.map { $0.drop { $0 != " " }.dropFirst() } == (expected.map { [$0[...]] } ?? []))
    }
}
