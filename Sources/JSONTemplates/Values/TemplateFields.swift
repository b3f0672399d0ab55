package import JSON

/// The members of an object, in order, found by key in constant time; keys differ byte by byte.
package final class TemplateFields: Sendable {
    package struct Member: Sendable {
        package let key: String
        package let value: TemplateValue

        package init(key: String, value: TemplateValue) {
            self.key = key
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

    package subscript(key: String) -> TemplateValue? { places.index(of: key, in: members).map { members[$0].value } }

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

    subscript(key: String) -> TemplateValue? { places.index(of: key, in: members).map { members[$0].value } }

    mutating func set(_ key: String, _ value: TemplateValue) {
        let member = TemplateFields.Member(key: key, value: value)
        if let index = places.index(of: key, in: members) {
            members[index] = member
        } else {
            members.append(member)
            places.noteLast(of: members)
        }
    }
}

/// Where keys stand: few are compared one by one, many are hashed with the seed of the process.
struct KeyPlaces: Sendable {
    private static let few = 16

    private struct Key: Hashable {
        let text: String

        static func == (left: Key, right: Key) -> Bool { left.text.hasSameScalars(as: right.text) }

        func hash(into hasher: inout Hasher) {
            var word: UInt64 = 0
            for (index, byte) in text.utf8.enumerated() {
                word = word << 8 | UInt64(byte)
                if index & 7 == 7 { hasher.combine(word) }
            }
            hasher.combine(word)
        }
    }

    private var table: [Key: Int] = [:]

    init(_ members: [TemplateFields.Member]) {
        guard members.count > KeyPlaces.few else { return }
        table.reserveCapacity(members.count)
        for (index, member) in members.enumerated() { table[Key(text: member.key)] = index }
    }

    mutating func noteLast(of members: [TemplateFields.Member]) {
        if table.isEmpty {
            if members.count > KeyPlaces.few { self = KeyPlaces(members) }
        } else if let last = members.last {
            table[Key(text: last.key)] = members.count - 1
        }
    }

    func index(of key: String, in members: [TemplateFields.Member]) -> Int? {
        if !table.isEmpty { return table[Key(text: key)] }
        // `==` alone would take canonically equal texts for the same.
        return members.firstIndex { $0.key == key && $0.key.hasSameScalars(as: key) }
    }
}
