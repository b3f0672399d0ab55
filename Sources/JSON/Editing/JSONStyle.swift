/// How a JSON text is written around a place: spaces, lines and indents are copied from the nearest example.
struct JSONStyle {
    /// The spaces of a container with something in it.
    struct Shape {
        /// Between the opening bracket and the first item.
        let lead: [UInt8]
        /// Between two items, comma included.
        let separator: [UInt8]
        /// Between the last item and the closing bracket.
        let tail: [UInt8]
        /// What the lines of an item begin with.
        let indent: [UInt8]
    }

    static let newLine = UInt8(ascii: "\n")

    let bytes: [UInt8]
    let layout: JSONLayout
    /// Byte offset that examples should be near to.
    let place: Int

    // MARK: - New text

    /// A value as the text around it would write it.
    /// - Parameters:
    ///   - depth: how many containers are around it.
    ///   - indent: what its line begins with.
    func text(_ value: JSONValue, depth: Int, indent: [UInt8]) -> [UInt8] {
        switch value {
        case .object(let object) where !object.members.isEmpty:
            let shape = shape(true, depth: depth, indent: indent)
            return bracketed("{", "}", shape, object.members) {
                key($0.key) + text($0.value, depth: depth + 1, indent: shape.indent)
            }
        case .array(let elements) where !elements.isEmpty:
            let shape = shape(false, depth: depth, indent: indent)
            return bracketed("[", "]", shape, elements) { text($0, depth: depth + 1, indent: shape.indent) }
        default: return JSONSerializer.bytes(value)
        }
    }

    private func bracketed<Item>(
        _ open: String, _ close: String, _ shape: Shape, _ items: [Item], each: (Item) -> [UInt8]
    ) -> [UInt8] {
        Array(open.utf8) + shape.lead + Array(items.map(each).joined(separator: shape.separator)) + shape.tail
            + Array(close.utf8)
    }

    private func key(_ key: String) -> [UInt8] { Array(JSONSerializer.quoted(key).utf8) + colon }

    /// The key and its colon; where the values of this object stand below each other, the new one does too.
    func alignedKey(_ key: String, in object: JSONLayout.Container) -> [UInt8] {
        let quoted = Array(JSONSerializer.quoted(key).utf8)
        let widths = Set(object.items.map { $0.valueStart - $0.start })
        let keyWidths = Set(object.items.map { ($0.keyEnd ?? $0.start) - $0.start })
        guard let width = widths.first, widths.count == 1, keyWidths.count > 1, width > quoted.count + 1 else {
            return quoted + colon
        }
        return quoted + [UInt8(ascii: ":")] + [UInt8](repeating: 0x20, count: width - quoted.count - 1)
    }

    // MARK: - Examples

    /// The colon of the nearest member with at most one space on each side: more of them align values.
    private var colon: [UInt8] {
        let item = nearest { $0.isObject && !$0.items.isEmpty }?.items.last
        guard let item, let keyEnd = item.keyEnd else { return Array(": ".utf8) }
        let gap = bytes[keyEnd..<item.valueStart]
        let space = UInt8(ascii: " ")
        return (gap.first == space ? [space] : []) + [UInt8(ascii: ":")]
            + (gap.last == UInt8(ascii: ":") ? [] : [space])
    }

    /// Comma and space between two items on one line.
    private var inlineComma: [UInt8] {
        let example = nearest { container in
            zip(container.items, container.items.dropFirst()).contains { isInline($0.end..<$1.start) }
        }
        let gaps = example.map { zip($0.items, $0.items.dropFirst()).map { $0.end..<$1.start } } ?? []
        if let gap = gaps.last(where: isInline) { return Array(bytes[gap]) }
        return Array((colon.last == UInt8(ascii: ":") ? "," : ", ").utf8)
    }

    /// How a new container of this kind is to look, `depth` being the number of containers around it.
    func shape(_ isObject: Bool, depth: Int, indent: [UInt8]) -> Shape {
        guard let example = example(isObject, depth: depth), let first = example.items.first,
            let last = example.items.last
        else { return Shape(lead: [], separator: inlineComma, tail: [], indent: indent) }
        let lead = example.open + 1..<first.start
        let tail = last.end..<example.close
        guard isInline(lead) else {
            let lineEnd = lineEnd(lead)
            let inner = indent + step(example, first)
            return Shape(
                lead: lineEnd + inner, separator: [UInt8(ascii: ",")] + lineEnd + inner, tail: lineEnd + indent,
                indent: inner)
        }
        return Shape(
            lead: Array(bytes[lead]), separator: inlineComma, tail: Array(bytes[isInline(tail) ? tail : lead]),
            indent: indent)
    }

    /// What the indent of an example's items has beyond that of its own line.
    private func step(_ example: JSONLayout.Container, _ first: JSONLayout.Item) -> [UInt8] {
        let outer = lineIndent(at: example.open)
        let inner = lineIndent(at: first.start)
        return inner.starts(with: outer) && inner.count > outer.count ? Array(inner[outer.count...]) : [0x20, 0x20]
    }

    /// The container to imitate: of the same kind before the same depth before a place in front before a near one.
    private func example(_ isObject: Bool, depth: Int) -> JSONLayout.Container? {
        nearest(where: { !$0.items.isEmpty }) { container in
            let deeper = container.depth - depth
            return (container.isObject == isObject ? 0 : 1, deeper >= 0 ? deeper : 1000 - deeper)
        }
    }

    private func nearest(where isExample: (JSONLayout.Container) -> Bool) -> JSONLayout.Container? {
        nearest(where: isExample) { _ in (0, 0) }
    }

    private func nearest(
        where isExample: (JSONLayout.Container) -> Bool, rank: (JSONLayout.Container) -> (Int, Int)
    ) -> JSONLayout.Container? {
        func order(_ container: JSONLayout.Container) -> (Int, Int, Int, Int) {
            let (kind, depth) = rank(container)
            return (kind, depth, container.open < place ? 0 : 1, abs(container.open - place))
        }
        return layout.containers.filter(isExample).min { order($0) < order($1) }
    }

    // MARK: - Lines

    /// The comma behind a container's last item and the space in front of the next one.
    func separator(behind container: JSONLayout.Container) -> [UInt8] {
        let items = container.items.suffix(2)
        guard let first = items.first, let last = items.last else { return [] }
        if items.count == 2 { return Array(bytes[first.end..<last.start]) }
        let lead = container.open + 1..<first.start
        return isInline(lead) ? inlineComma : [UInt8(ascii: ",")] + lineEnd(lead) + lineIndent(at: first.start)
    }

    /// What the line of an item behind this separator begins with.
    func indent(behind separator: [UInt8]) -> [UInt8] {
        guard let newLine = separator.lastIndex(of: JSONStyle.newLine) else { return lineIndent(at: place) }
        return Array(separator[(newLine + 1)...].prefix(while: JSONStyle.isBlank))
    }

    /// What the line that a byte is in begins with.
    func lineIndent(at offset: Int) -> [UInt8] {
        let start = bytes[..<offset].lastIndex(of: JSONStyle.newLine).map { $0 + 1 } ?? 0
        return Array(bytes[start..<offset].prefix(while: JSONStyle.isBlank))
    }

    private func isInline(_ range: Range<Int>) -> Bool { !bytes[range].contains(JSONStyle.newLine) }

    private func lineEnd(_ range: Range<Int>) -> [UInt8] {
        let newLine = bytes[range].lastIndex(of: JSONStyle.newLine) ?? range.upperBound
        let isWindows = newLine > range.lowerBound && bytes[newLine - 1] == UInt8(ascii: "\r")
        return (isWindows ? [UInt8(ascii: "\r")] : []) + [JSONStyle.newLine]
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
