internal import JSON

/// What an event has at one path, found by a walk through its tree; for explanations, which also want to know what the
/// parse for matching leaves out.
struct EventLookup {
    /// An element of an array in which a value stands.
    struct Element {
        /// Byte offset of the array, which tells it from others at the same path.
        let array: Int
        /// The array's path.
        let path: String
        let index: Int
    }

    /// Something at the path, with the array elements around it from the outside in.
    struct Found {
        let node: JSONNode
        let elements: [Element]
    }

    private(set) var scalars: [Found] = []
    /// Objects at the path, and lists without elements.
    private(set) var containers: [Found] = []
    /// A scalar that stands where the path goes on.
    private(set) var blocker: (path: String, node: JSONNode)?

    init(_ path: String, in event: JSONNode) {
        walk(event, EventLookup.names(of: path), at: [], [])
    }

    /// The names between the dots, byte by byte: `String` would take two spellings of "é" for the same.
    static func names(of path: String) -> [[UInt8]] {
        path.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Array.init)
    }

    static func path(of names: [[UInt8]]) -> String {
        String(decoding: Array(names.joined(separator: ".".utf8)), as: UTF8.self)
    }

    private mutating func walk(_ node: JSONNode, _ rest: [[UInt8]], at place: [[UInt8]], _ elements: [Element]) {
        switch node.kind {
        case .array(let list):
            if rest.isEmpty, list.isEmpty { containers.append(Found(node: node, elements: elements)) }
            let path = EventLookup.path(of: place)
            for (index, value) in list.enumerated() {
                walk(value, rest, at: place, elements + [Element(array: node.offset, path: path, index: index)])
            }
        case .object where rest.isEmpty: containers.append(Found(node: node, elements: elements))
        case .object(let members):
            for member in members {
                let names = EventLookup.names(of: member.key)
                guard rest.starts(with: names) else { continue }
                walk(member.value, Array(rest.dropFirst(names.count)), at: place + names, elements)
            }
        default:
            if rest.isEmpty {
                scalars.append(Found(node: node, elements: elements))
            } else {
                blocker = blocker ?? (EventLookup.path(of: place), node)
            }
        }
    }
}

extension JSONNode {
    /// The paths of all scalars, each once, in the order of the text, and at most so many.
    func scalarPaths(most: Int) -> [String] {
        var paths: [String] = []
        var seen: Set<[UInt8]> = []
        addScalarPaths(under: nil, most: most, &paths, &seen)
        return paths
    }

    private func addScalarPaths(under parent: String?, most: Int, _ paths: inout [String], _ seen: inout Set<[UInt8]>) {
        guard paths.count < most else { return }
        switch kind {
        case .array(let list):
            for value in list { value.addScalarPaths(under: parent, most: most, &paths, &seen) }
        case .object(let members):
            for member in members {
                let path = parent.map { $0 + "." + member.key } ?? member.key
                member.value.addScalarPaths(under: path, most: most, &paths, &seen)
            }
        default:
            if let parent, seen.insert(Array(parent.utf8)).inserted { paths.append(parent) }
        }
    }

    /// The value of the member whose key stands at a byte offset.
    func value(ofKeyAt offset: Int) -> JSONNode? {
        switch kind {
        case .array(let list):
            return JSONNode.last(of: list, notBehind: offset, \.offset)?.value(ofKeyAt: offset)
        case .object(let members):
            guard let member = JSONNode.last(of: members, notBehind: offset, \.keyOffset) else { return nil }
            return member.keyOffset == offset ? member.value : member.value.value(ofKeyAt: offset)
        default: return nil
        }
    }

    /// A routes file may have ten thousand routes, so this is a binary search.
    private static func last<Item>(of items: [Item], notBehind offset: Int, _ place: (Item) -> Int) -> Item? {
        var low = 0
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if place(items[middle]) <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? items[low - 1] : nil
    }
}
