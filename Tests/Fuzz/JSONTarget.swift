import JSON
import JSONTemplates

/// Any bytes as one JSON text.
///
/// - What is read can be written, compact and indented, and reads as the same value again.
/// - What is refused is refused at a place in the text.
/// - The readers of values, of template values and of files with repeated keys agree on all texts.
enum JSONTarget {
    static func check(_ text: [UInt8]) {
        do throws(JSONError) {
            accepted(try JSONValue.parse(text), text)
        } catch {
            refused(error, text)
        }
    }

    private static func accepted(_ value: JSONValue, _ text: [UInt8]) {
        for written in [JSONSerializer.bytes(value), Array(JSONSerializer.pretty(value).utf8)] {
            promise((try? JSONValue.parse(written)) == value, "\(shown(written)) reads as another value")
        }
        let template = try? TemplateValue.parse(text)
        promise(template?.json == value, "a template reads \(String(describing: template))")
        let collected = try? JSONNode.parseCollectingDuplicates(text)
        promise(collected?.root.value == value && collected?.duplicateOffsets == [], "only one reader sees repeats")
    }

    private static func refused(_ error: JSONError, _ text: [UInt8]) {
        promise((0...text.count).contains(error.offset), "\(error) is outside of the text")
        let place = SourcePosition(of: error.offset, in: text)
        promise(isInside(place, text), "\(place) is outside of the text")
        promise(!error.message.isEmpty, "\(error) says nothing")
        do throws(JSONError) {
            let value = try TemplateValue.parse(text)
            promise(false, "a template reads \(value)")
        } catch let other {
            promise(other == error, "a template is refused for \(other), not \(error)")
        }
        let collected = try? JSONNode.parseCollectingDuplicates(text)
        if case .duplicateKey = error.kind {
            let first = collected?.duplicateOffsets.first
            promise(collected == nil || first == error.offset, "the first repeat is at \(String(describing: first))")
        } else {
            promise(collected == nil, "only one reader refuses it")
        }
    }
}

/// Whether there is such a line, and such a column in it or right behind it.
func isInside(_ place: SourcePosition, _ text: [UInt8]) -> Bool {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.indices.contains(place.line - 1) else { return false }
    let columns = lines[place.line - 1].count { $0 & 0xC0 != 0x80 }
    return (1...columns + 1).contains(place.column)
}
