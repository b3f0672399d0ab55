/// Remembers the keys of the objects that are open, to find one that stands twice.
///
/// A small object compares with each key before; a large one keeps a set, so that 200,000 keys cost linear time. The
/// set's hash is seeded per process, so keys chosen to collide do not help an attacker.
struct JSONKeyLedger {
    private static let smallObject = 16

    /// Where a key's bytes stand: in the text itself, or, if it had escapes, in `resolved`.
    private struct Key {
        let start: Int
        let count: Int
        let isPlain: Bool
        /// Length and three bytes: keys in which these differ differ.
        let signature: UInt32
    }

    private var keys: [Key] = []
    private var firstKeys: [Int] = []
    private var resolved: [UInt8] = []
    /// The keys of large objects by the number of objects around them.
    private var sets: [Int: Set<[UInt8]>] = [:]

    init() {
        keys.reserveCapacity(24)
        firstKeys.reserveCapacity(8)
    }

    mutating func beginObject() { firstKeys.append(keys.count) }

    mutating func endObject() {
        guard let firstKey = firstKeys.popLast() else { return }
        keys.removeLast(keys.count - firstKey)
        if !sets.isEmpty { sets[firstKeys.count] = nil }
        if firstKeys.isEmpty { resolved.removeAll(keepingCapacity: true) }
    }

    /// Notes a key that stands in the text as it is; false if the innermost object had it already.
    mutating func add(_ range: Range<Int>, of input: Span<UInt8>) -> Bool {
        let signature = JSONKeyLedger.signature(input.extracting(range))
        let key = Key(start: range.lowerBound, count: range.count, isPlain: true, signature: signature)
        return add(key, input)
    }

    /// Notes a key that had escapes; false if the innermost object had it already.
    mutating func add(_ text: [UInt8], in input: Span<UInt8>) -> Bool {
        let signature = JSONKeyLedger.signature(text.span)
        let key = Key(start: resolved.count, count: text.count, isPlain: false, signature: signature)
        resolved += text
        return add(key, input)
    }

    private mutating func add(_ key: Key, _ input: Span<UInt8>) -> Bool {
        guard let firstKey = firstKeys.last else { return true }
        if keys.count - firstKey >= JSONKeyLedger.smallObject { return addToSet(key, firstKey, input) }
        for index in firstKey..<keys.count where keys[index].signature == key.signature {
            if isSame(keys[index], key, input) { return false }
        }
        keys.append(key)
        return true
    }

    private mutating func addToSet(_ key: Key, _ firstKey: Int, _ input: Span<UInt8>) -> Bool {
        let object = firstKeys.count - 1
        if sets[object] == nil {
            var set: Set<[UInt8]> = []
            for index in firstKey..<keys.count { set.insert(bytes(of: keys[index], input)) }
            sets[object] = set
        }
        let text = bytes(of: key, input)
        return sets[object]?.insert(text).inserted == true
    }

    private func byte(_ index: Int, of key: Key, _ input: Span<UInt8>) -> UInt8 {
        key.isPlain ? input[key.start + index] : resolved[key.start + index]
    }

    private func isSame(_ left: Key, _ right: Key, _ input: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where byte(index, of: left, input) != byte(index, of: right, input) { return false }
        return true
    }

    private func bytes(of key: Key, _ input: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(key.count)
        for index in 0..<key.count { bytes.append(byte(index, of: key, input)) }
        return bytes
    }

    private static func signature(_ text: Span<UInt8>) -> UInt32 {
        guard let last = text.indices.last else { return 0 }
        let ends = UInt32(text[0]) << 8 | UInt32(text[last])
        return UInt32(truncatingIfNeeded: text.count) << 24 | UInt32(text[last / 2]) << 16 | ends
    }
}
