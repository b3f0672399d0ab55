import JSON
import Relay
import Signatures

/// Reads the members of one JSON object of a dead letter, and says precisely what is wrong.
struct DeadLetterFields {
    private let members: [JSONNode.Member]
    private let text: [UInt8]
    private let node: JSONNode
    /// For messages: the path to this object, empty or ending in a dot.
    private let prefix: String

    /// The members of a whole file.
    init(parsing text: [UInt8]) throws(DeadLetterFault) {
        var limits = JSONLimits()
        limits.size = text.count
        // The event may be nested as deeply as the receiver allows, and stands in the file's object.
        limits.depth += 1
        let node: JSONNode
        do { node = try JSONNode.parse(text, limits: limits) } catch {
            throw .syntax(at: SourcePosition(of: error.offset, in: text), error.message)
        }
        try self.init(node, text: text, name: "the file", prefix: "")
    }

    private init(_ node: JSONNode, text: [UInt8], name: String, prefix: String) throws(DeadLetterFault) {
        guard case .object(let members) = node.kind else {
            throw .invalid(key: name, at: SourcePosition(of: node.offset, in: text), wanted: "an object")
        }
        self.members = members
        self.text = text
        self.node = node
        self.prefix = prefix
    }

    /// This object as a value.
    var document: JSONValue { node.value }

    func has(_ key: String) -> Bool { members.contains { $0.key.hasSameScalars(as: key) } }

    func node(_ key: String) throws(DeadLetterFault) -> JSONNode {
        guard let member = members.first(where: { $0.key.hasSameScalars(as: key) }) else {
            throw .missing(key: prefix + key)
        }
        return member.value
    }

    func fields(_ key: String) throws(DeadLetterFault) -> DeadLetterFields {
        try DeadLetterFields(node(key), text: text, name: prefix + key, prefix: "\(prefix)\(key).")
    }

    func string(_ key: String) throws(DeadLetterFault) -> String {
        guard case .string(let value) = try node(key).kind else { throw try fault(key, "a string") }
        return value
    }

    /// The name of a source or a destination.
    func name(_ key: String) throws(DeadLetterFault) -> String {
        let value = try string(key)
        guard isRelayName(value) else { throw try fault(key, "a name: a-z, 0-9, '.', '_' and '-', at most 63") }
        return value
    }

    func eventID(_ key: String) throws(DeadLetterFault) -> EventID {
        guard let id = EventID(try string(key)) else { throw try fault(key, "evt_ and 32 hex digits in lower case") }
        return id
    }

    func timestamp(_ key: String) throws(DeadLetterFault) -> Timestamp {
        guard let time = Timestamp(try string(key)) else {
            throw try fault(key, "a time like 2026-11-22T08:05:01.042Z")
        }
        return time
    }

    func base64(_ key: String) throws(DeadLetterFault) -> [UInt8] {
        let text = try string(key)
        // One spelling only: what we would write ourselves.
        guard let bytes = Base64.decode(Array(text.utf8)[...]), Base64.encode(bytes).utf8.elementsEqual(text.utf8)
        else {
            throw try fault(key, "base64, with its padding")
        }
        return bytes
    }

    /// Texts that the store keeps: without control characters, NUL above all, which would cut them.
    func texts(_ key: String) throws(DeadLetterFault) -> [String] {
        let wanted = "a list of strings without control characters"
        guard case .array(let elements) = try node(key).kind else { throw try fault(key, wanted) }
        var texts: [String] = []
        for element in elements {
            guard case .string(let text) = element.kind, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw try fault(key, wanted)
            }
            texts.append(text)
        }
        return texts
    }

    func objects(_ key: String) throws(DeadLetterFault) -> [JSONObject] {
        guard case .array(let elements) = try node(key).kind else { throw try fault(key, "a list of objects") }
        var objects: [JSONObject] = []
        for element in elements {
            guard case .object(let object) = element.value else { throw try fault(key, "a list of objects") }
            objects.append(object)
        }
        return objects
    }

    /// That the value of this key is not what it must be, with its place.
    func fault(_ key: String, _ wanted: String) throws(DeadLetterFault) -> DeadLetterFault {
        .invalid(key: prefix + key, at: SourcePosition(of: try node(key).offset, in: text), wanted: wanted)
    }
}
