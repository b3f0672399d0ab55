/// What a table looks for among the values of a path: a hash finds it, and the condition itself has the last word.
struct ConditionKey {
    enum Shape: UInt8 {
        /// Any value; for conditions which no hash can find.
        case present
        case text
        /// Null, true and false, numbers.
        case plain
        case prefix
        case suffix
        case foldedText
        case range
    }

    let shape: Shape
    /// Bytes of a prefix or suffix.
    let length: Int
    private let content: UInt64

    private init(_ shape: Shape, length: Int = 0, _ content: UInt64 = 0) {
        (self.shape, self.length, self.content) = (shape, length, content)
    }

    init(_ condition: Condition) {
        switch condition {
        case .null: self.init(.plain, 1)
        case .bool(let value): self.init(.plain, value ? 2 : 3)
        case .number(let number): self.init(.plain, ConditionKey.content(of: number.double, number.text.span))
        case .string(let text): self.init(.text, TextHash.of(text))
        case .prefix(let prefix): self.init(.prefix, of: prefix)
        case .suffix(let suffix): self.init(.suffix, of: suffix)
        case .wildcard(let wildcard) where !wildcard.prefix.isEmpty: self.init(.prefix, of: wildcard.prefix)
        case .wildcard(let wildcard): self.init(.suffix, of: wildcard.suffix)
        case .equalsIgnoringCase(let text): self.init(.foldedText, TextHash.of(text))
        case .numeric(let range):
            self.init(.range, range.lowest.bitPattern ^ range.highest.bitPattern &* 0x9E37_79B9_7F4A_7C15)
        case .prefixIgnoringCase, .suffixIgnoringCase, .address, .exists, .absent, .noneOf: self.init(.present)
        }
    }

    private init(_ shape: Shape, of bytes: [UInt8]) {
        // Every text has an empty end.
        let content = TextHash.of(shape == .suffix ? bytes.reversed() : bytes)
        self.init(bytes.isEmpty ? .present : shape, length: bytes.count, bytes.isEmpty ? 0 : content)
    }

    /// Whether a look-up comes upon it for most values, or reads through all of its kind.
    var isBroad: Bool { shape == .present || shape == .range }

    /// How many times as many events meet it as meet an exact value, roughly.
    var openness: Int {
        switch shape {
        case .text, .plain, .foldedText: 1
        case .prefix, .suffix: length < 4 ? 64 : 8
        case .range: 1000
        case .present: 10_000
        }
    }

    func hash(at path: Int32) -> UInt64 { ConditionKey.hash(shape, content, path) }

    static func hash(_ shape: Shape, _ content: UInt64, _ path: Int32) -> UInt64 {
        let place = UInt64(truncatingIfNeeded: path) << 8 | UInt64(shape.rawValue)
        // Two rounds of multiply and shift, so that the high bits depend on all others.
        var mixed = (content ^ place &* 0x9E37_79B9_7F4A_7C15) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ mixed >> 32) &* 0xC4CE_B9FE_1A85_EC53
        return mixed ^ mixed >> 29
    }

    /// Finite numbers are the same where their doubles are, others where their texts are.
    static func content(of double: Double, _ text: Span<UInt8>) -> UInt64 {
        // 0 and -0 are equal.
        if double.isFinite { return (double == 0 ? 0.0 : double).bitPattern }
        var hash = TextHash()
        for index in text.indices { hash.add(text[index]) }
        return hash.state
    }

    static func content(of scalar: FlatEvent.Scalar, _ text: Span<UInt8>) -> UInt64 {
        switch scalar {
        case .null, .string: 1
        case .bool(let value): value ? 2 : 3
        case .number(let value): content(of: value, text)
        }
    }
}
