/// Where the containers of a JSON text and what is in them begin and end: what an editor knows beyond a tree.
struct JSONLayout {
    /// A member of an object or an element of an array; byte offsets.
    struct Item {
        /// The key's opening quote, or the element's first byte.
        let start: Int
        /// Behind the key's closing quote; nil for an element.
        let keyEnd: Int?
        let valueStart: Int
        /// Behind the value's last byte.
        var end: Int
    }

    struct Container {
        let isObject: Bool
        /// Containers around it.
        let depth: Int
        /// The opening bracket.
        let open: Int
        /// The closing bracket.
        fileprivate(set) var close: Int
        fileprivate(set) var items: [Item] = []
    }

    /// In the order of their opening brackets.
    let containers: [Container]

    init(_ bytes: [UInt8], limits: JSONLimits) throws(JSONError) {
        let input = bytes.span
        var scanner = try JSONScanner(input, limits: limits)
        var builder = JSONLayoutBuilder()
        while true {
            let token = try scanner.next(input)
            guard token != .end else { break }
            builder.add(token, scanner.start..<scanner.index, bytes)
        }
        containers = builder.containers
    }

    func container(at offset: Int) -> Container? { containers.first { $0.open == offset } }
}

private struct JSONLayoutBuilder {
    var containers: [JSONLayout.Container] = []
    /// Indices of the containers that are open.
    private var open: [Int] = []
    private var key: (start: Int, end: Int)?

    mutating func add(_ token: JSONToken, _ range: Range<Int>, _ bytes: [UInt8]) {
        switch token {
        case .key:
            // The scanner stands behind the colon; only space is between it and the closing quote.
            let quote = bytes[range].lastIndex(of: UInt8(ascii: "\"")) ?? range.lowerBound
            key = (range.lowerBound, quote + 1)
        case .scalar: beginItem(range.lowerBound, end: range.upperBound)
        case .beginObject, .beginArray:
            beginItem(range.lowerBound, end: range.upperBound)
            containers.append(
                JSONLayout.Container(
                    isObject: token == .beginObject, depth: open.count, open: range.lowerBound, close: range.lowerBound)
            )
            open.append(containers.count - 1)
        case .endObject, .endArray:
            guard let index = open.popLast() else { return }
            containers[index].close = range.lowerBound
            guard let parent = open.last, let last = containers[parent].items.indices.last else { return }
            containers[parent].items[last].end = range.upperBound
        case .end: break
        }
    }

    private mutating func beginItem(_ start: Int, end: Int) {
        guard let parent = open.last else { return }
        let item = JSONLayout.Item(start: key?.start ?? start, keyEnd: key?.end, valueStart: start, end: end)
        containers[parent].items.append(item)
        key = nil
    }
}
