/// Text to put into a JSON text in one place; all other bytes stay.
package struct JSONInsertion: Sendable, Equatable {
    /// Byte offset in front of which it goes.
    package let offset: Int
    package let bytes: [UInt8]

    package func applied(to text: [UInt8]) -> [UInt8] { Array(text[..<offset] + bytes + text[offset...]) }
}

/// Adds to a JSON text that a person wrote, in the style of what stands around the place.
package struct JSONEditor {
    private let bytes: [UInt8]
    private let layout: JSONLayout

    /// - Throws: the first fault of the text with its byte offset; a duplicate key is one.
    package init(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self.bytes = bytes
        layout = try JSONLayout(bytes, limits: limits)
    }

    /// A new last member of the object that begins at this offset; nil where none does. The caller sees to it that the
    /// key is new.
    package func addition(of value: JSONValue, as key: String, toObjectAt offset: Int) -> JSONInsertion? {
        guard let object = layout.container(at: offset), object.isObject else { return nil }
        return addition(to: object) { style, indent in
            style.alignedKey(key, in: object) + style.text(value, depth: object.depth + 1, indent: indent)
        }
    }

    /// A new last element of the array that begins at this offset; nil where none does.
    package func addition(of value: JSONValue, toArrayAt offset: Int) -> JSONInsertion? {
        guard let array = layout.container(at: offset), !array.isObject else { return nil }
        return addition(to: array) { style, indent in style.text(value, depth: array.depth + 1, indent: indent) }
    }

    private func addition(
        to container: JSONLayout.Container, item: (JSONStyle, _ indent: [UInt8]) -> [UInt8]
    ) -> JSONInsertion {
        guard let last = container.items.last else { return firstItem(of: container, item) }
        let style = JSONStyle(bytes: bytes, layout: layout, place: last.end)
        let separator = style.separator(behind: container)
        return JSONInsertion(offset: last.end, bytes: separator + item(style, style.indent(behind: separator)))
    }

    /// What an empty container held so far was space: it stays, behind the new item.
    private func firstItem(
        of container: JSONLayout.Container, _ item: (JSONStyle, _ indent: [UInt8]) -> [UInt8]
    ) -> JSONInsertion {
        let place = container.open + 1
        let style = JSONStyle(bytes: bytes, layout: layout, place: place)
        let space = bytes[place..<container.close]
        let shape = style.shape(
            container.isObject, depth: container.depth, indent: style.lineIndent(at: container.open))
        var tail = shape.tail
        if space.contains(JSONStyle.newLine) || !space.isEmpty && !tail.contains(JSONStyle.newLine) {
            tail = []
        } else if tail.suffix(space.count).elementsEqual(space) {
            tail.removeLast(space.count)
        }
        return JSONInsertion(offset: place, bytes: shape.lead + item(style, shape.indent) + tail)
    }
}
