import JSON

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Makes values, and texts that spell them in odd ways.
struct RandomJSON {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

    mutating func value(depth: Int = 0) -> JSONValue {
        switch pick(depth > 5 ? 5 : 7) {
        case 0: return .null
        case 1: return .bool(pick(2) == 0)
        case 2: return JSONNumber(text: number()).map(JSONValue.number) ?? .null
        case 3, 4: return .string(string())
        case 5: return .array((0..<pick(5)).map { _ in value(depth: depth + 1) })
        default:
            let members = (0..<pick(5)).map { index in
                JSONObject.Member(key: "\(index)" + string(), value: value(depth: depth + 1))
            }
            return .object(JSONObject(members))
        }
    }

    mutating func number() -> String {
        var text = pick(2) == 0 ? "-" : ""
        text += pick(3) == 0 ? "0" : "\(1 + pick(9))" + digits(pick(30))
        if pick(3) == 0 { text += "." + digits(1 + pick(20)) }
        if pick(3) == 0 { text += ["e", "E"][pick(2)] + ["", "+", "-"][pick(3)] + digits(1 + pick(3)) }
        return text
    }

    private mutating func digits(_ count: Int) -> String { (0..<count).map { _ in "\(pick(10))" }.joined() }

    mutating func string() -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<pick(12) {
            let bounds: [ClosedRange<UInt32>] = [0...0x1F, 0x20...0x7F, 0x80...0x7FF, 0x300...0x36F, 0x1F600...0x1F64F]
            if let scalar = Unicode.Scalar(UInt32.random(in: bounds[pick(bounds.count)], using: &generator)) {
                scalars.append(scalar)
            }
        }
        return String(scalars)
    }

    /// The value as a text with random spaces and escapes.
    mutating func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): return literal(text)
        case .array(let elements):
            return "[" + space() + elements.map { text($0) }.joined(separator: space() + "," + space()) + space() + "]"
        case .object(let object):
            let members = object.members.map { literal($0.key) + space() + ":" + space() + text($0.value) }
            return "{" + space() + members.joined(separator: space() + "," + space()) + space() + "}"
        default: return JSONSerializer.text(value)
        }
    }

    private mutating func space() -> String { ["", "", "", " ", "\n", "\r\n", "\t "][pick(7)] }

    private mutating func literal(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            guard mustEscape || pick(4) == 0 else {
                literal.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let hexadecimal = String(unit, radix: 16, uppercase: pick(2) == 0)
                literal += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
            }
        }
        return literal + "\""
    }
}
