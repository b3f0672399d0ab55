package import JSON

/// The members of an object, in order, found by key in constant time; keys differ byte by byte.
package final class TemplateFields: Sendable {
    package struct Member: Sendable {
        package var key: String { name.text }
        package let value: TemplateValue
        let name: FieldKey

        package init(key: String, value: TemplateValue) { self.init(FieldKey(key), value) }

        package init(_ name: FieldKey, _ value: TemplateValue) {
            self.name = name
            self.value = value
        }
    }

    package let members: [Member]
    let depth: Int
    /// Bytes that it would have as JSON, without the escapes.
    let size: Int
    /// Whether one of the members is a function.
    let hasFunctions: Bool
    fileprivate let places: KeyPlaces

    /// - Parameter members: with keys that all differ.
    package convenience init(_ members: [Member]) { self.init(FieldsBuilder(members)) }

    init(_ builder: FieldsBuilder) {
        members = builder.members
        places = builder.places
        var (depth, size, hasFunctions) = (0, 2, false)
        // By index here and below: a loop over the members would be given copies of them.
        for index in members.indices {
            depth = max(depth, members[index].value.depth)
            size += members[index].name.text.utf8.count + members[index].value.size + 4
            if case .function = members[index].value { hasFunctions = true }
        }
        self.depth = depth + 1
        self.size = size
        self.hasFunctions = hasFunctions
    }

    package convenience init(_ object: JSONObject) {
        self.init(object.members.map { Member(key: $0.key, value: TemplateValue($0.value)) })
    }

    package subscript(key: String) -> TemplateValue? { self[FieldKey(key)] }

    subscript(key: FieldKey) -> TemplateValue? {
        guard let index = places.index(of: key, in: members) else { return nil }
        return members[index].value
    }

    /// The members as JSON, or nil where a function is in them.
    var json: JSONObject? {
        var converted: [JSONObject.Member] = []
        converted.reserveCapacity(members.count)
        for member in members {
            guard let value = member.value.json else { return nil }
            converted.append(JSONObject.Member(key: member.key, value: value))
        }
        return JSONObject(converted)
    }

    /// The members in the order of their keys' scalars.
    var sortedMembers: [Member] { members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
}

/// Collects members; a key that comes again replaces the value and keeps its place.
struct FieldsBuilder {
    private(set) var members: [TemplateFields.Member]
    private(set) var places: KeyPlaces

    init(_ members: [TemplateFields.Member] = []) {
        self.members = members
        places = KeyPlaces(members)
    }

    /// Makes room for so many.
    init(capacity: Int) {
        self.init()
        members.reserveCapacity(capacity)
    }

    /// Starts with the members of an object.
    init(_ fields: TemplateFields) {
        members = fields.members
        places = fields.places
    }

    subscript(key: String) -> TemplateValue? {
        places.index(of: FieldKey(key), in: members).map { members[$0].value }
    }

    mutating func set(_ key: String, _ value: TemplateValue) { set(FieldKey(key), value) }

    mutating func set(_ key: FieldKey, _ value: TemplateValue) {
        let member = TemplateFields.Member(key, value)
        if let index = places.index(of: key, in: members) {
            members[index] = member
        } else {
            members.append(member)
            places.noteLast(of: members)
        }
    }
}

/// A key with a mark, by which most others are told apart without a look at their text.
package struct FieldKey: Hashable, Sendable {
    private static let asciiBit: UInt64 = 1 << 63

    let text: String
    /// Length, three bytes, and whether the text is known to be ASCII.
    private let mark: UInt64

    package init(_ text: String) {
        self.text = text
        let utf8 = text.utf8Span
        let bytes = utf8.span
        let ascii = utf8.isKnownASCII ? FieldKey.asciiBit : 0
        guard let last = bytes.indices.last else {
            mark = ascii
            return
        }
        let ends = UInt64(bytes[0]) << 16 | UInt64(bytes[last])
        mark = ascii | UInt64(bytes.count) << 24 | ends | UInt64(bytes[last / 2]) << 8
    }

    /// The name that the language itself gives.
    static let now = FieldKey("now")

    package static func == (left: FieldKey, right: FieldKey) -> Bool {
        guard (left.mark ^ right.mark) & ~asciiBit == 0 else { return false }
        // Of ASCII `==` compares the bytes, and those of short texts in one step.
        if left.mark & right.mark & asciiBit != 0 { return left.text == right.text }
        return left.text.hasSameScalars(as: right.text)
    }

    /// By the text: keys of one mark can be made up at will.
    package func hash(into hasher: inout Hasher) {
        var word: UInt64 = 0
        var count = 0
        for byte in text.utf8 {
            word = word << 8 | UInt64(byte)
            count += 1
            if count & 7 == 0 { hasher.combine(word) }
        }
        hasher.combine(word)
    }
}

/// Where keys stand: few are compared one by one, many are hashed with the seed of the process.
struct KeyPlaces: Sendable {
    private static let few = 32

    private var table: [FieldKey: Int] = [:]

    init(_ members: [TemplateFields.Member]) {
        guard members.count > KeyPlaces.few else { return }
        table.reserveCapacity(members.count)
        for (index, member) in members.enumerated() { table[member.name] = index }
    }

    mutating func noteLast(of members: [TemplateFields.Member]) {
        if table.isEmpty {
            if members.count > KeyPlaces.few { self = KeyPlaces(members) }
        } else if let last = members.last {
            table[last.name] = members.count - 1
        }
    }

    func index(of key: FieldKey, in members: [TemplateFields.Member]) -> Int? {
        if !table.isEmpty { return table[key] }
        return members.place(of: key, before: members.count)
    }
}

extension [TemplateFields.Member] {
    /// Where a key stands among the first of them.
    func place(of key: FieldKey, before end: Int) -> Int? {
        let members = span
        for index in 0..<end where members[index].name == key { return index }
        return nil
    }
}
