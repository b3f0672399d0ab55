import JSON
import Testing

@testable import Relay

private let presets = [
    PresetOutline("slack"), PresetOutline("telegram", parameters: ["chat_id"]),
    PresetOutline("hubspot-call", hasURL: true), PresetOutline("task", needs: ["a field", "the URL https://…/${id}"]),
]

/// A file in a style of its own: one line a destination, values below each other.
private let routes = """
    {
      "sources": { "gruveo": { "path": "/in", "keys": [ { "env": "KEY" } ] } },
      "destinations": {
        "crm":      { "url": "https://crm.example.com/secret?key=1" },
        "call-log": { "url": { "credential": "log-url" } }
      },
      "routes": [
        { "name": "missed", "match": { "resolution": [ "missed" ] }, "to": [ "crm" ] },
        { "name": "all", "match": {}, "to": [ "crm", "call-log" ] }
      ]
    }
    """

private func addition(
    _ name: String = "chat", preset: String = "slack", url: JSONValue? = nil, parameters: JSONObject = JSONObject(),
    allowPrivate: [String] = [], routes: [String] = []
) -> DestinationAddition {
    DestinationAddition(
        name: name, preset: preset, url: url, parameters: parameters, allowPrivate: allowPrivate, routes: routes)
}

/// The lines of the result that the text did not have.
private func newLines(_ addition: DestinationAddition, to text: String = routes) throws -> [String] {
    let bytes = Array(text.utf8)
    let edited = try addition.insertions(into: bytes, presets: presets).applied(to: bytes)
    let old = Set(text.split(separator: "\n").map(String.init))
    return String(decoding: edited, as: UTF8.self).split(separator: "\n").map(String.init).filter { !old.contains($0) }
}

/// What the command would say instead of adding.
private func fault(_ addition: DestinationAddition, to text: String = routes) -> String {
    do throws(DestinationAddition.Fault) {
        return "\(try addition.insertions(into: Array(text.utf8), presets: presets))"
    } catch {
        switch error {
        case .argument(let message): return message
        case .file(let findings): return findings.map { $0.line(file: "r") }.joined(separator: "\n")
        }
    }
}

struct DestinationAdditionTests {
    @Test func aDestinationIsTwoMembers() throws {
        #expect(
            try newLines(addition(url: .object(JSONObject(["credential": .string("slack-url")])))) == [
                #"    "call-log": { "url": { "credential": "log-url" } },"#,
                #"    "chat":     { "preset": "slack", "url": { "credential": "slack-url" } }"#,
            ])
    }

    @Test func aURLThatIsNotNamedIsTheCredentialOfThatName() throws {
        #expect(
            try newLines(addition("team-1")).last
                == #"    "team-1":   { "preset": "slack", "url": { "credential": "team-1-url" } }"#)
    }

    @Test func aPresetThatBringsItsURLGetsNone() throws {
        #expect(try newLines(addition(preset: "hubspot-call")).last == #"    "chat":     { "preset": "hubspot-call" }"#)
        #expect(
            try newLines(addition(preset: "hubspot-call", url: .string("https://x/"))).last
                == #"    "chat":     { "preset": "hubspot-call", "url": "https://x/" }"#)
    }

    @Test func whatAPresetAsksForHasToBeGiven() throws {
        #expect(fault(addition(preset: "telegram")) == #"the preset "telegram" needs --with chat_id=…"#)
        let parameters = JSONObject(["chat_id": .number(JSONNumber(-100_123))])
        #expect(
            try newLines(addition(preset: "telegram", parameters: parameters)).last
                == #"    "chat":     { "preset": "telegram", "url": { "credential": "chat-url" }, "#
                + #""with": { "chat_id": -100123 } }"#
        )
    }

    @Test func aURLThatIsATemplateCannotBeASecret() throws {
        let expected =
            #"the preset "task" needs the URL https://…/${id}, given by --url: what a credential, file or variable "#
            + "holds is never a template"
        #expect(fault(addition(preset: "task")) == expected)
        let credential = JSONValue.object(JSONObject(["credential": .string("x")]))
        #expect(fault(addition(preset: "task", url: credential)) == expected)
        #expect(
            try newLines(addition(preset: "task", url: .string("https://x/${id}"))).last
                == #"    "chat":     { "preset": "task", "url": "https://x/${id}" }"#)
    }

    @Test func privateNetworksAreNamed() throws {
        #expect(
            try newLines(addition(url: .string("http://10.0.0.5/x"), allowPrivate: ["10.0.0.5/32"])).last
                == #"    "chat":     { "preset": "slack", "url": "http://10.0.0.5/x", "#
                + #""allowPrivate": [ "10.0.0.5/32" ] }"#)
    }

    @Test func routesNameItOnce() throws {
        let lines = try newLines(addition(routes: ["all", "missed", "all"]))
        #expect(
            lines.suffix(2) == [
                #"    { "name": "missed", "match": { "resolution": [ "missed" ] }, "to": [ "crm", "chat" ] },"#,
                #"    { "name": "all", "match": {}, "to": [ "crm", "call-log", "chat" ] }"#,
            ])
        let prepared = routes.replacing(#""to": [ "crm" ]"#, with: #""to": [ "chat" ]"#)
        #expect(try newLines(addition(routes: ["missed"]), to: prepared).count == 2, "it is named there already")
    }

    @Test func whatCannotBeIsSaidWithTheWayOut() {
        #expect(
            fault(addition(preset: "slak"))
                == #"there is no preset "slak", did you mean "slack"? "#
                + "The presets are slack, telegram, hubspot-call, task"
        )
        #expect(
            fault(addition(preset: "fax"))
                == #"there is no preset "fax". The presets are slack, telegram, hubspot-call, task"#)
        #expect(
            fault(addition("crm")) == #"there is a destination "crm" already, in line 4: choose another name"#)
        #expect(
            fault(addition("Chat")).hasPrefix(#"the name "Chat" must be 1 to 63 of a-z"#))
        #expect(
            fault(addition(routes: ["mised"]))
                == #"there is no route "mised", did you mean "missed"? The routes are "missed", "all""#)
        #expect(
            fault(addition(routes: ["x"]), to: #"{"destinations": {}}"#) == #"there is no route "x". The file has none"#
        )
    }

    @Test func aFileThatCannotBeAddedToIsReportedAsCheckDoes() {
        #expect(
            fault(addition(), to: "{\n  \"destinations\": {},\n}")
                == "r:2:21: error: a comma before the closing bracket: remove it")
        #expect(fault(addition(), to: "") == "r:1:1: error: \(Self.emptyFile)")
        #expect(
            fault(addition(), to: "[]") == "r:1:1: error: must be one JSON object with \"sources\", \"destinations\" "
                + "and \"routes\", not a list")
        #expect(
            fault(addition(), to: #"{"routes": []}"#)
                == #"r:1:1: error: "destinations" is missing: add "destinations": {} to the top level"#)
        #expect(
            fault(addition(), to: #"{"destinations": []}"#)
                == "r:1:18: error: destinations: must be an object of names and destinations, not a list")
        #expect(
            fault(addition(), to: #"{"destinations": {"a": 1, "a": 2}}"#)
                == #"r:1:27: error: destinations: the key "a" stands here twice: remove one"#)
        #expect(
            fault(addition(routes: ["x"]), to: #"{"destinations": {}, "routes": [{"name": "x", "to": "a"}]}"#)
                == #"r:1:53: error: routes[0]: "to" must be a list of destinations to be added to"#)
    }

    private static let emptyFile =
        #"the file is empty: write a JSON object with "sources", "destinations" and "routes""#
}

struct PresetOutlineTests {
    @Test func anOutlineSaysWhatAPresetsFileAsksFor() throws {
        let file = #"""
            { "name": "own", "title": "O", "about": "A.", "needs": [ "a key" ],
              "with": { "room": { "about": "R.", "example": 1 },
                        "zone": { "about": "Z.", "example": "", "default": null } },
              "destination": { "url": "https://x.example.com/", "body": "${with.room}", "format": "text" } }
            """#
        let library = PresetLibrary(own: [
            PresetFile(name: "own", path: "own.json", bytes: Array(file.utf8)),
            PresetFile(name: "torn", path: "torn.json", bytes: []),
        ])
        #expect(library.outlines.map(\.name) == ["own", "torn"], "check says what is wrong with the other")
        let outline = try #require(library.outlines.first)
        #expect((outline.name, outline.hasURL) == ("own", true))
        #expect((outline.needs, outline.parameters) == (["a key"], ["room"]))
    }
}

struct AdditionPreviewTests {
    private func preview(_ addition: DestinationAddition, of text: String) throws -> String {
        let bytes = Array(text.utf8)
        let insertions = try addition.insertions(into: bytes, presets: presets)
        return AdditionPreview(insertions, in: bytes).lines(file: "r").joined(separator: "\n")
    }

    @Test func changedLinesStandWithThreeLinesAroundThemAndURLsAreMasked() throws {
        #expect(
            try preview(addition(), of: routes) == """
                --- r
                +++ r
                @@ -2,7 +2,8 @@
                   "sources": { "gruveo": { "path": "/in", "keys": [ { "env": "KEY" } ] } },
                   "destinations": {
                     "crm":      { "url": "https://crm.example.com/…" },
                -    "call-log": { "url": { "credential": "log-url" } }
                +    "call-log": { "url": { "credential": "log-url" } },
                +    "chat":     { "preset": "slack", "url": { "credential": "chat-url" } }
                   },
                   "routes": [
                     { "name": "missed", "match": { "resolution": [ "missed" ] }, "to": [ "crm" ] },
                """)
    }

    @Test func twoChangesOfOneLineAreOne() throws {
        let text = #"{"destinations": {}, "routes": [{"name": "x", "to": ["a"]}], "u": "HTTP:\/\/h\/k\"k"}"#
        #expect(
            try preview(addition(routes: ["x"]), of: text) == """
                --- r
                +++ r
                @@ -1,1 +1,1 @@
                -{"destinations": {}, "routes": [{"name": "x", "to": ["a"]}], "u": "HTTP://h/…"}
                \\ No newline at end of file
                +{"destinations": {"chat": {"preset": "slack", "url": {"credential": "chat-url"}}}, \
                "routes": [{"name": "x", "to": ["a", "chat"]}], "u": "HTTP://h/…"}
                \\ No newline at end of file
                """)
    }

    @Test func changesThatAreFarApartAreHunksOfTheirOwn() throws {
        let gap = (0..<9).map { "  \"k\($0)\": 1,\n" }.joined()
        let routes = #"[ { "name": "x", "to": [ "a" ] } ]"#
        let text =
            "{\n  \"destinations\": {\n    \"a\": 1\n  },\n\(gap)  \"routes\": \(routes)\n}\n"
        let lines = try preview(addition(routes: ["x"]), of: text).split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("@@") } == ["@@ -1,6 +1,7 @@", "@@ -11,5 +12,5 @@"])
    }
}
