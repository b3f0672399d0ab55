import JSON

extension RoutesFile {
    /// Parses the text; a key that stands twice is reported and its repeats are left out.
    static func parse(_ bytes: [UInt8], _ log: FindingLog) -> JSONNode? {
        if let message = encodingFault(bytes) {
            log.add(.error, at: FilePlace(offset: 0, path: ""), message)
            return nil
        }
        do throws(JSONError) {
            let (root, duplicates) = try JSONNode.parseCollectingDuplicates(bytes)
            guard !duplicates.isEmpty else { return root }
            return DuplicateKeys(offsets: Set(duplicates), log: log).removed(from: root, path: "")
        } catch {
            let isTooLarge = if case .tooLarge = error.kind { true } else { false }
            log.add(.error, at: FilePlace(offset: isTooLarge ? 0 : error.offset, path: ""), error.message)
            return nil
        }
    }

    /// What the JSON parser would put less plainly.
    private static func encodingFault(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= JSONLimits().size else { return nil }
        if bytes.allSatisfy({ $0 == 0x20 || 0x09...0x0D ~= $0 }) {
            return "the file is empty: write a JSON object with \"sources\", \"destinations\" and \"routes\""
        }
        let start = bytes.prefix(2)
        let isUTF16 = start.elementsEqual([0xFF, 0xFE]) || start.elementsEqual([0xFE, 0xFF])
        if isUTF16 || start.count == 2 && start.count(where: { $0 == 0 }) == 1 {
            return "the file is written in UTF-16: save it as UTF-8 without BOM"
        }
        return bytes.prefix(1024).contains(0) ? "the file is not text: a routes file is JSON in UTF-8" : nil
    }
}

/// Takes the repeats of keys out of a tree, so that what follows sees each key once.
private struct DuplicateKeys {
    let offsets: Set<Int>
    let log: FindingLog

    func removed(from node: JSONNode, path: String) -> JSONNode {
        switch node.kind {
        case .object(let members):
            let kept = members.compactMap { member -> JSONNode.Member? in
                if offsets.contains(member.keyOffset) {
                    log.add(
                        .error, at: FilePlace(offset: member.keyOffset, path: path),
                        "the key \(Words.quoted(member.key)) stands here twice: remove one")
                    return nil
                }
                let value = removed(from: member.value, path: path.isEmpty ? member.key : "\(path).\(member.key)")
                return JSONNode.Member(key: member.key, keyOffset: member.keyOffset, value: value)
            }
            return JSONNode(.object(kept), offset: node.offset)
        case .array(let elements):
            let kept = elements.enumerated().map { removed(from: $1, path: "\(path)[\($0)]") }
            return JSONNode(.array(kept), offset: node.offset)
        default: return node
        }
    }
}
