import JSON

/// A value of the file on its way to a type: each reading either gives the value or records why not.
struct Field {
    let node: JSONNode
    let path: String
    let log: FindingLog

    var place: FilePlace { FilePlace(offset: node.offset, path: path) }

    var isString: Bool {
        if case .string = node.kind { true } else { false }
    }

    func error(_ message: String) { log.add(.error, at: place, message) }

    func warning(_ message: String) { log.add(.warning, at: place, message) }

    func note(_ message: String) { log.add(.note, at: place, message) }

    /// Says which kind of value belongs here. What stands there is never repeated: it may be a secret.
    func mustBe(_ wanted: String) {
        error("must be \(wanted), not \(node.kindName)")
    }

    func text(_ wanted: String = "a string") -> String? {
        guard case .string(let text) = node.kind else {
            mustBe(wanted)
            return nil
        }
        return text
    }

    /// One of a few words.
    func word<Word: RawRepresentable & CaseIterable>(_ words: Word.Type) -> Word? where Word.RawValue == String {
        let spellings = words.allCases.map(\.rawValue)
        guard let text = text(Words.choice(spellings)) else { return nil }
        if let word = Word(rawValue: text) { return word }
        error(
            "\(Words.quoted(text)) is none of \(Words.choice(spellings))"
                + Words.suggestion(for: text, among: spellings))
        return nil
    }

    /// A whole number; `unit` is what it counts.
    func whole(_ range: ClosedRange<Int64>, _ unit: String) -> Int64? {
        guard case .number(let number) = node.kind else {
            mustBe("a number of \(unit)")
            return nil
        }
        guard let value = number.int64 else {
            error("must be a whole number of \(unit), written with digits only")
            return nil
        }
        guard range.contains(value) else {
            error("\(value) is out of range: from \(range.lowerBound) to \(range.upperBound) \(unit)")
            return nil
        }
        return value
    }

    /// The elements of a list, each with its place in the path.
    func elements(_ wanted: String) -> [Field]? {
        guard case .array(let elements) = node.kind else {
            mustBe("a list of \(wanted)")
            return nil
        }
        return elements.enumerated().map { index, node in
            Field(node: node, path: "\(path)[\(index)]", log: log)
        }
    }

    func object(_ wanted: String = "an object") -> ObjectReader? {
        guard case .object(let members) = node.kind else {
            mustBe(wanted)
            return nil
        }
        return ObjectReader(field: self, members: members)
    }
}

/// Walks the members of one object: whoever asks for a key makes it known, and `finish` reports all others.
struct ObjectReader {
    let field: Field
    private let members: [JSONNode.Member]
    private var known: [String] = []
    private var missing: [(keys: [String], message: String)] = []

    init(field: Field, members: [JSONNode.Member]) {
        self.field = field
        self.members = members
    }

    /// Every member as a name that the operator chose and its value.
    var entries: [(name: String, keyPlace: FilePlace, value: Field)] {
        members.map { member in
            let value = child(member)
            return (member.key, FilePlace(offset: member.keyOffset, path: value.path), value)
        }
    }

    mutating func optional(_ key: String) -> Field? {
        known.append(key)
        return members.first { $0.key == key }.map(child)
    }

    /// `fix` says what to add where the key is missing.
    mutating func required(_ key: String, _ fix: String) -> Field? {
        let found = optional(key)
        if found == nil { missing.append(([key], "\(Words.quoted(key)) is missing: \(fix)")) }
        return found
    }

    /// Notes that one of these keys should have been there.
    mutating func missingOneOf(_ keys: [String], _ fix: String) {
        missing.append((keys, "\(Words.choice(keys)) is missing: \(fix)"))
    }

    /// Refuses keys that the product describes and this release cannot do yet: ignoring one would deliver wrongly.
    mutating func refuseUnsupported(_ keys: String...) {
        for key in keys {
            optional(key)?.error("\(Words.quoted(key)) is not supported yet: remove it")
        }
    }

    /// Reports keys that nobody asked for and required ones that are not there. A misspelt required key is one
    /// mistake, so it is reported once.
    func finish() {
        let unknown = members.filter { !known.contains($0.key) }
        var explained: Set<String> = []
        for member in unknown {
            let nearest = Words.nearest(to: member.key, among: known)
            if let nearest { explained.insert(nearest) }
            let advice = nearest.map { ", did you mean \(Words.quoted($0))?" } ?? ": remove it; \(knownKeys)"
            field.log.add(
                .error, at: FilePlace(offset: member.keyOffset, path: field.path),
                "unknown key \(Words.quoted(member.key))\(advice)")
        }
        for (keys, message) in missing where explained.isDisjoint(with: keys) { field.error(message) }
    }

    private var knownKeys: String { "the keys here are \(known.joined(separator: ", "))" }

    private func child(_ member: JSONNode.Member) -> Field {
        let step = ObjectReader.isPlain(member.key) ? member.key : Words.quoted(member.key)
        let path = field.path.isEmpty ? step : "\(field.path).\(step)"
        return Field(node: member.value, path: path, log: field.log)
    }

    private static func isPlain(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "$"):
                    true
                default: false
                }
            }
    }
}
