import JSON
import Testing

/// The text with a member or an element added to what `path` leads to.
private func added(_ text: String, at path: String, _ key: String?, _ value: String) throws -> String {
    let bytes = Array(text.utf8)
    var node = try JSONNode.parse(bytes)
    for step in path.split(separator: ".") {
        switch node.kind {
        case .object(let members): node = try #require(members.first { $0.key == step }?.value)
        case .array(let elements): node = elements[try #require(Int(step))]
        default: Issue.record("nothing at \(path)")
        }
    }
    let editor = try JSONEditor(bytes)
    let value = try JSONValue.parse(Array(value.utf8))
    let insertion =
        key.map { editor.addition(of: value, as: $0, toObjectAt: node.offset) }
        ?? editor.addition(of: value, toArrayAt: node.offset)
    return String(decoding: try #require(insertion).applied(to: bytes), as: UTF8.self)
}

struct EditorTests {
    static let value = #"{"preset":"slack","url":{"credential":"c"}}"#

    private func expect(_ text: String, becomes expected: String, _ comment: Comment? = nil) throws {
        #expect(try added(text, at: "d", "new", EditorTests.value) == expected, comment)
    }

    @Test func aMemberOnALineOfItsOwnGetsOneToo() throws {
        try expect(
            """
            {
                "d": {
                    "a": {
                        "url": "x"
                    },
                    "b": { "url": "y" }
                }
            }
            """,
            becomes: """
                {
                    "d": {
                        "a": {
                            "url": "x"
                        },
                        "b": { "url": "y" },
                        "new": { "preset": "slack", "url": { "credential": "c" } }
                    }
                }
                """, "the nearest sibling decides")
    }

    @Test func aMemberOfSeveralLinesIsFollowedByOneOfSeveralLines() throws {
        try expect(
            "{\r\n\t\"s\": {\r\n\t\t\"k\": [ { \"env\": \"K\" } ]\r\n\t},\r\n"
                + "\t\"d\": {\r\n\t\t\"a\": {\r\n\t\t\t\"url\": 1\r\n\t\t}\r\n\t}\r\n}\r\n",
            becomes: "{\r\n\t\"s\": {\r\n\t\t\"k\": [ { \"env\": \"K\" } ]\r\n\t},\r\n\t\"d\": {\r\n\t\t\"a\": {\r\n"
                + "\t\t\t\"url\": 1\r\n\t\t},\r\n\t\t\"new\": {\r\n\t\t\t\"preset\": \"slack\",\r\n"
                + "\t\t\t\"url\": { \"credential\": \"c\" }\r\n\t\t}\r\n\t}\r\n}\r\n",
            "tabs and Windows' line ends")
    }

    @Test func whatIsFullyIndentedStaysSo() throws {
        let text = JSONSerializer.pretty(try .parse(Array(#"{"k":[{"a":{"b":1}}],"d":{"a":{"url":{"c":1}}}}"#.utf8)))
        let whole = #"{"k":[{"a":{"b":1}}],"d":{"a":{"url":{"c":1}},"new":\#(EditorTests.value)}}"#
        try expect(text, becomes: JSONSerializer.pretty(try .parse(Array(whole.utf8))))
    }

    @Test func compactTextStaysCompact() throws {
        try expect(
            #"{"d":{"a":{"url":1,"x":2}}}"#, becomes: #"{"d":{"a":{"url":1,"x":2},"new":\#(EditorTests.value)}}"#)
        try expect(#"{"d":{"a":{"url":1}}}"#, becomes: #"{"d":{"a":{"url":1},"new":\#(EditorTests.value)}}"#)
    }

    @Test func spacesInBracesAndAroundColonsAreCopied() throws {
        try expect(
            #"{ "d" : { "a" : { "url" : "x" } } }"#,
            becomes:
                #"{ "d" : { "a" : { "url" : "x" }, "new" : { "preset" : "slack", "url" : { "credential" : "c" } } } }"#)
        try expect(
            #"{"d": {"a": {"url": "x"}}}"#,
            becomes: #"{"d": {"a": {"url": "x"}, "new": {"preset": "slack", "url": {"credential": "c"}}}}"#)
    }

    @Test func valuesThatStandBelowEachOtherGoOnDoingSo() throws {
        try expect(
            """
            { "d": {
              "crm":      { "url": "x" },
              "call-log": { "url": "y" }
            } }
            """,
            becomes: """
                { "d": {
                  "crm":      { "url": "x" },
                  "call-log": { "url": "y" },
                  "new":      { "preset": "slack", "url": { "credential": "c" } }
                } }
                """)
    }

    @Test func commasInFrontStayInFront() throws {
        try expect(
            "{ \"d\":\n  { \"a\": 1\n  , \"b\": 2\n  }\n}",
            becomes: "{ \"d\":\n  { \"a\": 1\n  , \"b\": 2\n  , \"new\": { \"preset\": \"slack\", \"url\": { "
                + "\"credential\": \"c\" } }\n  }\n}")
    }

    @Test(arguments: ["{}", "{ }", "{   }", "{\n  }"])
    func anEmptyObjectLooksLikeItsNeighbourAfterwards(_ empty: String) throws {
        try expect(
            "{\n  \"s\": {\n    \"g\": { \"k\": 1 }\n  },\n  \"d\": \(empty)\n}",
            becomes: "{\n  \"s\": {\n    \"g\": { \"k\": 1 }\n  },\n  \"d\": {\n    \"new\": { \"preset\": \"slack\", "
                + "\"url\": { \"credential\": \"c\" } }\n\(empty == "{   }" ? "     " : "  ")}\n}")
        try expect(
            "{ \"s\": { \"g\": { \"k\": 1 } }, \"d\": \(empty) }",
            becomes: "{ \"s\": { \"g\": { \"k\": 1 } }, \"d\": { \"new\": { \"preset\": \"slack\", \"url\": { "
                + "\"credential\": \"c\" } }\(empty == "{}" ? " " : empty.dropFirst().dropLast())} }")
    }

    @Test(arguments: [
        (#"{"to": [ "a" ]}"#, #"{"to": [ "a", "n" ]}"#), (#"{"to":["a","b"]}"#, #"{"to":["a","b","n"]}"#),
        (#"{"to": ["a" , "b"]}"#, #"{"to": ["a" , "b" , "n"]}"#),
        ("{\"to\": [\n \"a\"\n]}", "{\"to\": [\n \"a\",\n \"n\"\n]}"), (#"{"to": []}"#, #"{"to": ["n"]}"#),
        (#"{"x": [ 1, 2 ], "to": []}"#, #"{"x": [ 1, 2 ], "to": [ "n" ]}"#),
    ])
    func elementsOfAListAreSeparatedAsTheOnesBefore(text: String, expected: String) throws {
        #expect(try added(text, at: "to", nil, #""n""#) == expected)
    }

    @Test func onlyTheContainerThatIsMeantIsChanged() throws {
        let bytes = Array(#"{"a": [1, {}], "b": 1e400}"#.utf8)
        let editor = try JSONEditor(bytes)
        #expect(editor.addition(of: .null, as: "x", toObjectAt: 6) == nil, "a list")
        #expect(editor.addition(of: .null, toArrayAt: 0) == nil, "an object")
        #expect(editor.addition(of: .null, toArrayAt: 7) == nil, "a number")
        #expect(throws: JSONError.self) { try JSONEditor(Array(#"{"a": 1,}"#.utf8)) }
    }
}

/// What holds for every text, however it is written.
struct EditorPropertyTests {
    /// Printed with each failure; give another one to look further.
    static let seed: UInt64 = 20_261_124

    @Test func anAdditionChangesNothingElse() throws {
        var random = RandomJSON(seed: EditorPropertyTests.seed)
        var counts = (objects: 0, arrays: 0, empty: 0)
        for round in 0..<4000 {
            let text = random.text(.array([random.value(), random.value()]))
            let bytes = Array(text.utf8)
            let tree = try JSONNode.parse(bytes)
            let target = EditorPropertyTests.containers(tree)[random.pick(EditorPropertyTests.containers(tree).count)]
            let value = random.value(depth: 3)
            let editor = try JSONEditor(bytes)
            let isObject = if case .object = target.kind { true } else { false }
            let insertion = try #require(
                isObject
                    ? editor.addition(of: value, as: "new\u{1}", toObjectAt: target.offset)
                    : editor.addition(of: value, toArrayAt: target.offset))
            let edited = insertion.applied(to: bytes)
            let comment: Comment = "seed \(EditorPropertyTests.seed), round \(round): \(text)"

            let end = insertion.offset + insertion.bytes.count
            #expect(Array(edited[..<insertion.offset] + edited[end...]) == bytes, comment)
            let wanted = EditorPropertyTests.value(tree, adding: value, to: target.offset)
            #expect(try JSONValue.parse(edited) == wanted, comment)
            if isObject { counts.objects += 1 } else { counts.arrays += 1 }
            if EditorPropertyTests.isEmpty(target) { counts.empty += 1 }
        }
        #expect(counts.objects > 500 && counts.arrays > 500 && counts.empty > 200, "\(counts)")
    }

    private static func containers(_ node: JSONNode) -> [JSONNode] {
        switch node.kind {
        case .array(let elements): [node] + elements.flatMap(containers)
        case .object(let members): [node] + members.flatMap { containers($0.value) }
        default: []
        }
    }

    private static func isEmpty(_ node: JSONNode) -> Bool { containers(node).count == 1 && node.value.isEmptyContainer }

    /// The tree with the value as the last item of the container at this offset.
    private static func value(_ node: JSONNode, adding new: JSONValue, to offset: Int) -> JSONValue {
        switch node.kind {
        case .array(let elements):
            return .array(elements.map { value($0, adding: new, to: offset) } + (node.offset == offset ? [new] : []))
        case .object(let members):
            let kept = members.map {
                JSONObject.Member(key: $0.key, value: value($0.value, adding: new, to: offset))
            }
            let added = node.offset == offset ? [JSONObject.Member(key: "new\u{1}", value: new)] : []
            return .object(JSONObject(kept + added))
        default: return node.value
        }
    }
}

extension JSONValue {
    fileprivate var isEmptyContainer: Bool {
        switch self {
        case .array(let elements): elements.isEmpty
        case .object(let object): object.members.isEmpty
        default: false
        }
    }
}
