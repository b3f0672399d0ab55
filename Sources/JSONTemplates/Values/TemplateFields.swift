package import JSON

/// The members of an object, in order, found by key in constant time; keys differ byte by byte.
package final class TemplateFields: Sendable {
    package struct Member: Sendable {
        package var key: String { name.text }
        package let value: TemplateValue
        fileprivate let name: FieldKey

        package init(key: String, value: TemplateValue) { self.init(FieldKey(key), value) }

        fileprivate init(_ name: FieldKey, _ value: TemplateValue) {
            self.name = name
            self.value = value
        }
    }

    package let members: [Member]
    let depth: Int
    /// Bytes that it would have as JSON, without the escapes.
    let size: Int
    fileprivate let places: KeyPlaces

    /// - Parameter members: with keys that all differ.
    package convenience init(_ members: [Member]) { self.init(FieldsBuilder(members)) }

    init(_ builder: FieldsBuilder) {
        members = builder.members
        places = builder.places
        var (depth, size) = (0, 2)
        for member in members {
            depth = max(depth, member.value.depth)
            size += member.key.utf8.count + member.value.size + 4
        }
        self.depth = depth + 1
        self.size = size
    }

    package convenience init(_ object: JSONObject) {
        self.init(object.members.map { Member(key: $0.key, value: TemplateValue($0.value)) })
    }

    package subscript(key: String) -> TemplateValue? { self[FieldKey(key)] }

    subscript(key: FieldKey) -> TemplateValue? { places.index(of: key, in: members).map { members[$0].value } }

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
struct FieldKey: Hashable, Sendable {
    let text: String
    private let mark: UInt64

    init(_ text: String) {
        self.text = text
        var mark: UInt64 = 0
        for byte in text.utf8 { mark = mark &* 31 &+ UInt64(byte) }
        self.mark = mark
    }

    static func == (left: FieldKey, right: FieldKey) -> Bool {
        left.mark == right.mark && left.text.hasSameScalars(as: right.text)
    }

    /// By the text: keys of one mark can be made up at will.
    func hash(into hasher: inout Hasher) {
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
        // By index: a closure would be given copies of the members.
        for index in members.indices where members[index].name == key { return index }
        return nil
    }
}
