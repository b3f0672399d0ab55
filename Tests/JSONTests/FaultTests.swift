import JSON
import Testing

struct FaultTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let kind: JSONError.Kind
        let place: String

        init(_ text: String, _ kind: JSONError.Kind, _ place: String) {
            self.init(Array(text.utf8), kind, place)
        }

        init(_ bytes: [UInt8], _ kind: JSONError.Kind, _ place: String) {
            self.bytes = bytes
            self.kind = kind
            self.place = place
        }

        var testDescription: String { String(decoding: bytes, as: UTF8.self).debugDescription }
    }

    static let cases: [Case] = [
        Case("", .unexpectedEnd, "1:1"),
        Case(" \n ", .unexpectedEnd, "2:2"),
        Case("{", .unexpectedEnd, "1:2"),
        Case("{\"a\"", .unexpectedEnd, "1:5"),
        Case("{\"a\":", .unexpectedEnd, "1:6"),
        Case("{\"a\":1", .unexpectedEnd, "1:7"),
        Case("[1,", .unexpectedEnd, "1:4"),
        Case("\"abc", .unexpectedEnd, "1:5"),
        Case("\"abc\\", .unexpectedEnd, "1:6"),
        Case("\"\\u00", .unexpectedEnd, "1:6"),
        Case("tru", .unexpectedEnd, "1:4"),
        Case("{\"a\" 1}", .unexpected(UInt8(ascii: "1"), wanted: "':'"), "1:6"),
        Case("{a:1}", .unexpected(UInt8(ascii: "a"), wanted: "a key in double quotes"), "1:2"),
        Case("{\"a\":1 \"b\":2}", .unexpected(UInt8(ascii: "\""), wanted: "',' or '}'"), "1:8"),
        Case("[1 2]", .unexpected(UInt8(ascii: "2"), wanted: "',' or ']'"), "1:4"),
        Case("[1}", .unexpected(UInt8(ascii: "}"), wanted: "',' or ']'"), "1:3"),
        Case("[,1]", .unexpected(UInt8(ascii: ","), wanted: "a value"), "1:2"),
        Case("tRue", .unexpected(UInt8(ascii: "R"), wanted: "true"), "1:2"),
        Case("[NaN]", .unexpected(UInt8(ascii: "N"), wanted: "a value"), "1:2"),
        Case("'a'", .unexpected(UInt8(ascii: "'"), wanted: "a value"), "1:1"),
        Case("{}\r\n{}", .trailingText, "2:1"),
        Case("1 x", .trailingText, "1:3"),
        Case("{\"a\":1,\n}", .trailingComma, "1:7"),
        Case("[1,]", .trailingComma, "1:3"),
        Case("[\n// é\n1]", .comment, "2:1"),
        Case("{\"é\":1/*c*/}", .comment, "1:7"),
        Case("1 # c", .comment, "1:3"),
        Case([0xEF, 0xBB, 0xBF] + Array("{}".utf8), .byteOrderMark, "1:1"),
        Case(Array("[\"".utf8) + [0xFF] + Array("\"]".utf8), .invalidUTF8, "1:3"),
        Case(Array("\"".utf8) + [0xC0, 0xAF] + Array("\"".utf8), .invalidUTF8, "1:2"),
        Case(Array("\"".utf8) + [0xED, 0xA0, 0x80] + Array("\"".utf8), .invalidUTF8, "1:2"),
        Case("\"\\ud800\"", .loneSurrogate, "1:2"),
        Case("\"\\udc00\"", .loneSurrogate, "1:2"),
        Case("\"\\ud800\\u0041\"", .loneSurrogate, "1:2"),
        Case("\"\\ud800\\ue000\"", .loneSurrogate, "1:2"),
        Case("\"\\ud800x\"", .loneSurrogate, "1:2"),
        Case("\"a\\x\"", .badEscape, "1:3"),
        Case("\"\\u00g0\"", .badEscape, "1:2"),
        Case("\"\\u٠٠\"", .badEscape, "1:2"),
        Case("\"a\tb\"", .controlCharacter, "1:3"),
        Case("\"\\n\u{0}\"", .controlCharacter, "1:4"),
        Case("\"a\nb\"", .controlCharacter, "1:3"),
        Case("01", .trailingText, "1:2"),
        Case("-", .badNumber, "1:1"),
        Case("[1.]", .badNumber, "1:2"),
        Case("[1e]", .badNumber, "1:2"),
        Case("[-a]", .badNumber, "1:2"),
        Case("+1", .unexpected(UInt8(ascii: "+"), wanted: "a value"), "1:1"),
        Case(".5", .unexpected(UInt8(ascii: "."), wanted: "a value"), "1:1"),
        Case("\u{0}", .unexpected(0, wanted: "a value"), "1:1"),
        Case("{\"a\":1,\n \"a\":2}", .duplicateKey("a"), "2:2"),
        Case("[{\"b\":{\"\\u0061\":1,\"a\":2}}]", .duplicateKey("a"), "1:19"),
        Case("{\"é\":1,\"\\u00e9\":2}", .duplicateKey("é"), "1:8"),
        Case(String(repeating: "[", count: 65), .tooDeep(limit: 64), "1:65"),
        Case(String(repeating: "{\"a\":", count: 65), .tooDeep(limit: 64), "1:321"),
    ]

    @Test(arguments: cases)
    func everyFaultIsFoundAtItsPlace(entry: Case) {
        #expect {
            try JSONValue.parse(entry.bytes)
        } throws: { error in
            guard let fault = error as? JSONError else { return false }
            #expect(fault.kind == entry.kind)
            #expect(SourcePosition(of: fault.offset, in: entry.bytes).description == entry.place)
            #expect(!fault.message.isEmpty && !fault.message.utf8.contains(UInt8(ascii: "\n")))
            return true
        }
    }

    @Test func sixtyFourLevelsAreAccepted() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = open == "[" ? "" : "1"
            let text =
                String(repeating: open, count: 64) + inner + String(repeating: close, count: 64)
            _ = try JSONValue.parse(Array(text.utf8))
        }
        // Depth counts what is open, not what was.
        _ = try JSONValue.parse(Array(("[" + (0..<200).map { _ in "[[]]" }.joined(separator: ",") + "]").utf8))
    }

    @Test func aTextOverTheSizeLimitIsRefusedBeforeItIsRead() {
        var limits = JSONLimits()
        limits.size = 4
        #expect(throws: JSONError(.tooLarge(limit: 4), offset: 4)) {
            try JSONValue.parse(Array("[1,2]".utf8), limits: limits)
        }
        #expect(throws: Never.self) { try JSONValue.parse(Array("[12]".utf8), limits: limits) }
    }

    @Test(arguments: [
        (JSONError.Kind.duplicateKey("a\"b"), #"the key "a\"b" stands here twice"#),
        (.unexpected(0x0A, wanted: "':'"), "expected ':', found byte 0xA"),
        (.unexpected(UInt8(ascii: "x"), wanted: "a value"), "expected a value, found 'x'"),
        (.tooDeep(limit: 64), "nested deeper than 64 levels"),
    ])
    func messagesNameWhatIsWrong(kind: JSONError.Kind, message: String) {
        #expect(JSONError(kind, offset: 0).message == message)
    }

    @Test func theSameKeyInTwoObjectsIsNoDuplicate() throws {
        _ = try JSONValue.parse(Array(#"{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":{"a":{"a":[]}},"\u0064":1}"#.utf8))
        // Same length, same first, middle and last letter.
        _ = try JSONValue.parse(Array(#"{"axbyc":1,"azbwc":2}"#.utf8))
    }

    @Test(arguments: [2, 15, 16, 17, 18, 40, 1000])
    func aDuplicateIsFoundInObjectsOfAnySize(count: Int) {
        for twin in Set([0, count / 2, count - 1]) {
            let keys = (0..<count).map { "\"key\($0)\":[{\"key0\":0}]" } + ["\"\\u006bey\(twin)\":1"]
            let text = Array(("{\"key0\":{" + keys.joined(separator: ",") + "}}").utf8)
            #expect {
                try JSONValue.parse(text)
            } throws: {
                ($0 as? JSONError)?.kind == .duplicateKey("key\(twin)")
            }
        }
    }

    @Test func twoHundredThousandKeysTakeLinearTime() throws {
        func text(_ count: Int) -> [UInt8] {
            Array(("{" + (0..<count).map { "\"k\($0)\":1" }.joined(separator: ",") + "}").utf8)
        }
        let (few, many) = (text(20_000), text(200_000))
        let clock = ContinuousClock()
        let small = try clock.measure { _ = try JSONValue.parse(few) }
        let large = try clock.measure { _ = try JSONValue.parse(many) }
        // Ten times the keys: quadratic work would take a hundred times as long.
        #expect(large < small * 40)
    }

    @Test func duplicatesAreReportedWhereTheLimitsAllowThem() throws {
        var limits = JSONLimits()
        limits.refusesDuplicates = false
        var seen = Duplicates()
        try JSONScanner.scan(Array(#"{"a":1,"b":{"a":1,"a":2},"a":3}"#.utf8), limits: limits, visitor: &seen)
        #expect(seen.offsets == [18, 25])
    }

    private struct Duplicates: JSONVisitor {
        var offsets: [Int] = []
        mutating func scalar(_ scalar: JSONScalar, text: Span<UInt8>, at offset: Int) {}
        mutating func key(_ text: Span<UInt8>, at offset: Int) {}
        mutating func beginObject(at offset: Int) {}
        mutating func endObject() {}
        mutating func beginArray(at offset: Int) {}
        mutating func endArray() {}
        mutating func duplicateKey(at offset: Int) { offsets.append(offset) }
    }
}
