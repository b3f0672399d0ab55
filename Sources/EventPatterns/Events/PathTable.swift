/// The fields that rules name, as a tree of names, so that a parse knows at each key whether anybody asks for it.
///
/// Paths are split at every dot, in rules and in the keys of events alike: that is how `{"a.b": …}` meets
/// `{"a": {"b": …}}`. The tree's edges stand in one open hash table.
package struct PathTable: Sendable {
    /// No rule names this field or anything in it.
    static let nowhere: Int32 = -1
    static let root: Int32 = 0

    private struct Edge: Sendable {
        var parent: Int32
        var child: Int32
        var nameStart: Int32
        var nameCount: Int32
    }

    private var slots: [Edge]
    private let mask: Int
    private var names: [UInt8] = []
    /// The path's number for each node, or -1 where no rule asks for the node itself.
    private var paths: [Int32] = [-1]
    /// How many paths there are; they are numbered from 0.
    private(set) var count = 0

    init(_ paths: [String]) {
        let most = paths.reduce(0) { $0 + 1 + $1.utf8.count { $0 == UInt8(ascii: ".") } }
        // At most half full, so that a search ends soon.
        var size = 8
        while size < 2 * most { size *= 2 }
        slots = [Edge](repeating: Edge(parent: -1, child: -1, nameStart: 0, nameCount: 0), count: size)
        mask = size - 1
        for path in paths { insert(path) }
    }

    /// The number of a path, or nil where it was not among those given.
    func index(of path: String) -> Int? {
        let bytes = Array(path.utf8)
        let node = descend(from: PathTable.root, bytes.span)
        guard node != PathTable.nowhere else { return nil }
        return self.path(of: node)
    }

    /// The number of the path that ends at a node.
    func path(of node: Int32) -> Int? {
        let path = paths[Int(node)]
        return path < 0 ? nil : Int(path)
    }

    /// The node behind a key, which may hold dots.
    func descend(from node: Int32, _ key: Span<UInt8>) -> Int32 {
        let child = child(of: node, key)
        // No name in the table has a dot, so what was found has none either.
        return child == PathTable.nowhere ? descendDots(from: node, key) : child
    }

    private func descendDots(from start: Int32, _ key: Span<UInt8>) -> Int32 {
        var node = start
        var nameStart = 0
        for index in key.indices where key[index] == UInt8(ascii: ".") {
            node = child(of: node, key.extracting(nameStart..<index))
            if node == PathTable.nowhere { return node }
            nameStart = index + 1
        }
        return nameStart == 0 ? PathTable.nowhere : child(of: node, key.extracting(nameStart...))
    }

    private func child(of parent: Int32, _ name: Span<UInt8>) -> Int32 {
        var slot = PathTable.hash(parent, name) & mask
        while slots[slot].child >= 0 {
            if slots[slot].parent == parent, Int(slots[slot].nameCount) == name.count, has(slots[slot], name) {
                return slots[slot].child
            }
            slot = (slot + 1) & mask
        }
        return PathTable.nowhere
    }

    private func has(_ edge: Edge, _ name: Span<UInt8>) -> Bool {
        let start = Int(edge.nameStart)
        for index in name.indices where names[start + index] != name[index] { return false }
        return true
    }

    /// Takes the last bytes at once and the others, where there are any, one by one. Only rules put names into the
    /// table, so an event cannot make its searches longer.
    private static func hash(_ parent: Int32, _ name: Span<UInt8>) -> Int {
        let split = max(0, name.count - 6)
        var front = TextHash()
        for index in 0..<split { front.add(name[index]) }
        var word = UInt64(truncatingIfNeeded: name.count)
        for index in split..<name.count { word = word << 8 | UInt64(name[index]) }
        // Fibonacci hashing: the high half of the product depends on all bits.
        word = (word ^ UInt64(truncatingIfNeeded: parent) << 40 ^ front.state) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: word >> 32)
    }

    private mutating func insert(_ path: String) {
        var node = PathTable.root
        for name in path.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            node = insert(Array(name), under: node)
        }
        if paths[Int(node)] < 0 {
            paths[Int(node)] = Int32(count)
            count += 1
        }
    }

    private mutating func insert(_ name: [UInt8], under parent: Int32) -> Int32 {
        let known = child(of: parent, name.span)
        if known != PathTable.nowhere { return known }
        var slot = PathTable.hash(parent, name.span) & mask
        while slots[slot].child >= 0 { slot = (slot + 1) & mask }
        let child = Int32(paths.count)
        slots[slot] = Edge(
            parent: parent, child: child, nameStart: Int32(names.count), nameCount: Int32(name.count))
        names += name
        paths.append(-1)
        return child
    }
}
