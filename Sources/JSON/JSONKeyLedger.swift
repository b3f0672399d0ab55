/// Remembers the keys of the objects that are open, to find one that stands twice.
///
/// A small object compares with each key before; a large one keeps a hash table, so that 200,000 keys cost linear time.
/// Its hash is the standard library's, seeded per process, so keys chosen to collide do not help an attacker.
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
    /// The tables of large objects by the number of objects around them.
    private var tables: [Int: Table] = [:]

    /// An open hash table, at most half full, of indices in `keys`.
    private struct Table {
        var slots = [Int32](repeating: -1, count: 4 * smallObject)
        var hashes: [Int] = []
    }

    init() {
        keys.reserveCapacity(24)
        firstKeys.reserveCapacity(8)
    }

    mutating func beginObject() { firstKeys.append(keys.count) }

    mutating func endObject() {
        guard let firstKey = firstKeys.popLast() else { return }
        keys.removeLast(keys.count - firstKey)
        if !tables.isEmpty { tables[firstKeys.count] = nil }
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
        if keys.count - firstKey >= JSONKeyLedger.smallObject { return addToTable(key, firstKey, input) }
        for index in firstKey..<keys.count where keys[index].signature == key.signature {
            if isSame(keys[index], key, input) { return false }
        }
        keys.append(key)
        return true
    }

    private mutating func addToTable(_ key: Key, _ firstKey: Int, _ input: Span<UInt8>) -> Bool {
        let object = firstKeys.count - 1
        // Taken out while it changes, so that it is never copied.
        var table = tables.removeValue(forKey: object) ?? Table()
        defer { tables[object] = table }
        while table.hashes.count < keys.count - firstKey {
            let hash = hash(keys[firstKey + table.hashes.count], input)
            JSONKeyLedger.insert(hash, firstKey, into: &table)
        }
        let hash = hash(key, input)
        var slot = hash & (table.slots.count - 1)
        while table.slots[slot] >= 0 {
            let index = Int(table.slots[slot])
            if table.hashes[index - firstKey] == hash, isSame(keys[index], key, input) { return false }
            slot = (slot + 1) & (table.slots.count - 1)
        }
        keys.append(key)
        JSONKeyLedger.insert(hash, firstKey, into: &table)
        return true
    }

    /// Puts the key behind those which the table has into it.
    private static func insert(_ hash: Int, _ firstKey: Int, into table: inout Table) {
        table.hashes.append(hash)
        var from = table.hashes.count - 1
        if 2 * table.hashes.count > table.slots.count {
            table.slots = [Int32](repeating: -1, count: 2 * table.slots.count)
            from = 0
        }
        for index in from..<table.hashes.count {
            var slot = table.hashes[index] & (table.slots.count - 1)
            while table.slots[slot] >= 0 { slot = (slot + 1) & (table.slots.count - 1) }
            table.slots[slot] = Int32(firstKey + index)
        }
    }

    private func hash(_ key: Key, _ input: Span<UInt8>) -> Int {
        var hasher = Hasher()
        var word: UInt64 = 0
        for index in 0..<key.count {
            word = word << 8 | UInt64(byte(index, of: key, input))
            if index & 7 == 7 { hasher.combine(word) }
        }
        hasher.combine(word)
        hasher.combine(key.count)
        return hasher.finalize()
    }

    private func byte(_ index: Int, of key: Key, _ input: Span<UInt8>) -> UInt8 {
        key.isPlain ? input[key.start + index] : resolved[key.start + index]
    }

    private func isSame(_ left: Key, _ right: Key, _ input: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where byte(index, of: left, input) != byte(index, of: right, input) { return false }
        return true
    }

    private static func signature(_ text: Span<UInt8>) -> UInt32 {
        guard let last = text.indices.last else { return 0 }
        let ends = UInt32(text[0]) << 8 | UInt32(text[last])
        return UInt32(truncatingIfNeeded: text.count) << 24 | UInt32(text[last / 2]) << 16 | ends
    }
}
