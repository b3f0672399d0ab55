import JSON
import Testing

struct RobustnessTests {
    private static let seed: UInt64 = 77_177

    @Test func randomBytesNeverCrash() {
        var random = RandomJSON(seed: RobustnessTests.seed)
        let likely = Array("{}[]\",:\\u0dae1-.tfn \n/".utf8) + [0, 0xC3, 0xFF]
        for _ in 0..<20_000 {
            let bytes = (0..<random.pick(40)).map { _ in likely[random.pick(likely.count)] }
            if let value = try? JSONValue.parse(bytes) {
                #expect((try? JSONValue.parse(JSONSerializer.bytes(value))) == value, "seed \(RobustnessTests.seed)")
            }
        }
    }

    @Test func mutatedJSONNeverCrashes() {
        var random = RandomJSON(seed: RobustnessTests.seed)
        for _ in 0..<3000 {
            let value = random.value()
            var bytes = Array(random.text(value).utf8)
            for _ in 0...random.pick(3) where !bytes.isEmpty {
                let index = random.pick(bytes.count)
                switch random.pick(3) {
                case 0: bytes[index] = UInt8(random.pick(256))
                case 1: bytes.remove(at: index)
                default: bytes.removeSubrange(index...)
                }
            }
            if let value = try? JSONValue.parse(bytes) {
                #expect((try? JSONValue.parse(JSONSerializer.bytes(value))) == value, "seed \(RobustnessTests.seed)")
            }
        }
    }

    @Test func everyPrefixOfAGoodTextIsRefused() {
        let bytes = Array(#"{"a":[1.5e3,"é\u00e9\ud83d\ude00",true,null,{"b":{}}]}"#.utf8)
        for count in bytes.indices {
            #expect(throws: JSONError.self) { try JSONValue.parse(Array(bytes.prefix(count))) }
        }
    }

    @Test(arguments: [
        ("0", 0.0), ("-0", -0.0), ("123456789012345", 123_456_789_012_345), ("1234567890123456", 1_234_567_890_123_456),
        ("-7", -7), ("0.1000000000000000055", 0.1), ("4.9e-324", Double.leastNonzeroMagnitude),
        ("9007199254740993", 9_007_199_254_740_992),
        ("1e400", .infinity), ("-1e-400", -0.0),
    ])
    func numbersBecomeTheNearestDouble(text: String, double: Double) throws {
        let number = try #require(JSONNumber(text: text))
        #expect(number.double == double)
        #expect(JSONNumber.double(of: Array(text.utf8).span) == double)
    }

    @Test(arguments: ["", "01", "1.", ".5", "+1", "1e", "0x1", " 1", "1 ", "--1", "١", "NaN", "Infinity"])
    func whatIsNotANumberMakesNone(text: String) {
        #expect(JSONNumber(text: text) == nil)
    }
}
