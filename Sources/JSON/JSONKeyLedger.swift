/// Remembers the keys of the objects that are open, to find one that stands twice.
///
/// A small object compares bytes one by one; a large one keeps a set, so that 200,000 keys cost linear time. The
/// set's hash is seeded per process, so keys chosen to collide do not help an attacker.
struct JSONKeyLedger {
    private static let smallObject = 16

    /// The keys' bytes of all open objects, one behind the other.
    private var bytes: [UInt8] = []
    /// Where each key ends in `bytes`.
    private var ends: [Int] = []
    private var open: [(firstKey: Int, set: Set<ArraySlice<UInt8>>?)] = []

    mutating func beginObject() { open.append((ends.count, nil)) }

    mutating func endObject() {
        guard let object = open.popLast() else { return }
        ends.removeLast(ends.count - object.firstKey)
        bytes.removeLast(bytes.count - (ends.last ?? 0))
    }

    /// Notes a key of the innermost object; false if that object had it already.
    mutating func add(_ key: ArraySlice<UInt8>) -> Bool {
        let last = open.count - 1
        let firstKey = open[last].firstKey
        if open[last].set == nil, ends.count - firstKey >= JSONKeyLedger.smallObject {
            let set = Set((firstKey..<ends.count).map { bytes[range(of: $0)] })
            open[last].set = set
        }
        if open[last].set != nil { return open[last].set?.insert(ArraySlice(Array(key))).inserted == true }
        for index in firstKey..<ends.count where bytes[range(of: index)] == key { return false }
        bytes.append(contentsOf: key)
        ends.append(bytes.count)
        return true
    }

    private func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }
}
