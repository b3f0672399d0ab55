import JSON
import Testing

struct RoundTripTests {
    /// Printed with each failure; give another one to look further.
    static let seed: UInt64 = 20_260_131

    @Test func textToValueToTextKeepsEveryNumberAndString() throws {
        var random = RandomJSON(seed: RoundTripTests.seed)
        for round in 0..<3000 {
            let value = random.value()
            let text = random.text(value)
            let parsed = try JSONValue.parse(Array(text.utf8))
            #expect(parsed == value, "seed \(RoundTripTests.seed), round \(round): \(text)")
            #expect(try JSONValue.parse(JSONSerializer.bytes(parsed)) == value, "seed \(RoundTripTests.seed): \(text)")
            let pretty = JSONSerializer.pretty(value)
            #expect(try JSONValue.parse(Array(pretty.utf8)) == value, "seed \(RoundTripTests.seed): \(pretty)")
        }
    }

    @Test(arguments: [
        "123456789012345678901234567890", "-0", "0.10", "1e400", "1E+2", "-1.50e-007",
        "0.1000000000000000055511151231257827",
    ])
    func numbersKeepTheirSpelling(text: String) throws {
        #expect(JSONSerializer.text(try JSONValue.parse(Array(text.utf8))) == text)
    }

    @Test func membersKeepTheirOrder() throws {
        let text = #"{"z":1,"a":2,"é":3,"":4}"#
        #expect(JSONSerializer.text(try JSONValue.parse(Array(text.utf8))) == text)
    }

    @Test func valuesKnowTheirPlaces() throws {
        let text = "{\r\n \"a\" : [ 1,\t{\"é\":null} ] }"
        let node = try JSONNode.parse(Array(text.utf8))
        guard case .object(let members) = node.kind, case .array(let elements)? = members.first?.value.kind,
            case .object(let inner) = elements[1].kind
        else {
            Issue.record("not the shape that was written")
            return
        }
        #expect(members[0].keyOffset == 4)
        #expect(elements.map(\.offset) == [12, 15])
        #expect(inner[0].keyOffset == 16)
        #expect(inner[0].value.offset == 21)
        #expect(SourcePosition(of: 21, in: Array(text.utf8)).description == "2:18")
    }

    @Test func theSerializerEscapesWhatMustBeAndNothingElse() {
        let controls = String(String.UnicodeScalarView((0...0x20).compactMap { Unicode.Scalar($0) }))
        let text = controls + "\"\\/\u{7F}é\u{2028}😀"
        let expected =
            #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\t\n\u000b\u000c\r\u000e\u000f\u0010\u0011\u0012"#
            + #"\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f \"\\/"#
            + "\u{7F}é\u{2028}😀\""
        #expect(JSONSerializer.quoted(text) == expected)
    }

    @Test func prettyTextIsIndentedAndKeepsEmptyContainersShort() throws {
        let value = try JSONValue.parse(Array(#"{"a":[1,{"b":{}}],"c":[]}"#.utf8))
        #expect(
            JSONSerializer.pretty(value)
                == "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    }\n  ],\n  \"c\": []\n}")
    }

    @Test func stringsThatLookTheSameButAreNotStayApart() throws {
        let value = try JSONValue.parse(Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8))
        guard case .object(let object) = value else { return }
        #expect(object["e\u{301}"] == .number(JSONNumber(2)))
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
    }
}
