internal import JSON

/// Reads the objects of a pattern: fields, dotted paths, `$or`.
struct PatternParser {
    /// EventBridge's bound: `$or` lists multiply.
    private static let mostCombinations = 1000

    /// What all members of an object and of the objects in it come down to, taken together.
    private struct Group {
        var conjunctions: [[Int]] = [[]]
        var paths: Set<[UInt8]> = []
        /// Fields and `$or` lists, to number them.
        var memberCount = 0
    }

    /// Where the group that is being read stands.
    private var place: [Int] = []
    private var branches: [EventPattern.Branch] = []
    private var fields: [EventPattern.Field] = []
    private var places: [[Int]] = []
    var faults: [PatternFault] = []

    mutating func parse(_ node: JSONNode) throws(PatternFaults) -> EventPattern {
        var group = Group()
        if case .object(let members) = node.kind {
            read(members, under: nil, into: &group)
        } else {
            fault(node.offset, "", "a match is an object such as {\"link\": [\"@acme.sales\"]}, not \(node.kindName)")
        }
        guard faults.isEmpty else { throw PatternFaults(faults.sorted { $0.offset < $1.offset }) }
        return EventPattern(fields: fields, conjunctions: group.conjunctions, places: places)
    }

    mutating func fault(_ offset: Int, _ path: String, _ message: String) {
        faults.append(PatternFault(offset: offset, path: path, message: message))
    }

    private mutating func read(_ members: [JSONNode.Member], under parent: String?, into group: inout Group) {
        var keys: Set<[UInt8]> = []
        for member in members {
            let path = parent.map { $0 + "." + member.key } ?? member.key
            if !keys.insert(Array(member.key.utf8)).inserted {
                fault(member.keyOffset, path, "the key \(JSONSerializer.quoted(member.key)) stands here twice")
            } else if member.key.hasSameScalars(as: "$or") {
                readBranches(member, under: parent, into: &group)
            } else {
                readField(member, path, into: &group)
            }
        }
    }

    private mutating func readField(_ member: JSONNode.Member, _ path: String, into group: inout Group) {
        switch member.value.kind {
        case .object(let members) where members.isEmpty:
            fault(member.value.offset, path, "an empty object matches nothing: name a field in it, or take it out")
        case .object(let members):
            read(members, under: path, into: &group)
        case .array(let alternatives) where alternatives.isEmpty:
            fault(member.value.offset, path, "an empty list matches nothing: name at least one value")
        case .array(let alternatives):
            if !group.paths.insert(Array(path.utf8)).inserted {
                let text = "the field \(path) stands in this match already: put all values in one list"
                fault(member.keyOffset, path, text)
            }
            let conditions = alternatives.compactMap { condition($0, path) }
            let field = EventPattern.Field(
                path: path, offset: member.keyOffset, conditions: conditions, branches: branches)
            fields.append(field)
            places.append(place + [group.memberCount])
            group.memberCount += 1
            for index in group.conjunctions.indices { group.conjunctions[index].append(fields.count - 1) }
        default:
            fault(member.value.offset, path, PatternParser.adviceForBareValue(member))
        }
    }

    private static func adviceForBareValue(_ member: JSONNode.Member) -> String {
        let text = JSONSerializer.text(member.value.value)
        if operators.contains(where: { $0.hasSameScalars(as: member.key) }) {
            return "an operator stands inside a list: [{\(JSONSerializer.quoted(member.key)): \(text)}]"
        }
        return "values stand in a list: write [\(text)] instead of \(text)"
    }

    // MARK: - $or

    private mutating func readBranches(_ member: JSONNode.Member, under parent: String?, into group: inout Group) {
        let path = parent.map { $0 + ".$or" } ?? "$or"
        guard case .array(let entries) = member.value.kind, entries.count >= 2 else {
            return fault(member.value.offset, path, "$or takes a list of at least two objects")
        }
        var conjunctions: [[Int]] = []
        var paths: Set<[UInt8]> = []
        place.append(group.memberCount)
        for (index, entry) in entries.enumerated() {
            branches.append(EventPattern.Branch(path: path, number: index + 1, count: entries.count))
            defer { branches.removeLast() }
            guard let inner = readBranch(entry, path, under: parent) else { continue }
            conjunctions += inner.conjunctions
            paths.formUnion(inner.paths)
        }
        place.removeLast()
        group.memberCount += 1
        for path in paths.intersection(group.paths).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let name = String(decoding: path, as: UTF8.self)
            fault(member.keyOffset, name, "the field \(name) stands inside $or and outside of it: keep one of them")
        }
        group.paths.formUnion(paths)
        guard conjunctions.count * group.conjunctions.count <= PatternParser.mostCombinations else {
            // One combination is enough to go on and find the other faults.
            group.conjunctions.removeLast(group.conjunctions.count - 1)
            let most = PatternParser.mostCombinations
            let text = "$or lists multiply to more than \(most) combinations: split this route"
            return fault(member.keyOffset, path, text)
        }
        group.conjunctions = group.conjunctions.flatMap { before in conjunctions.map { before + $0 } }
        if group.conjunctions.isEmpty { group.conjunctions = [[]] }
    }

    private mutating func readBranch(_ branch: JSONNode, _ path: String, under parent: String?) -> Group? {
        guard case .object(let members) = branch.kind, !members.isEmpty else {
            fault(branch.offset, path, "each entry of $or is an object with at least one field")
            return nil
        }
        for member in members where PatternParser.operators.contains(where: { $0.hasSameScalars(as: member.key) }) {
            let text = "an entry of $or names fields, and \(member.key) is an operator: put it in a field's list"
            fault(member.keyOffset, path, text)
        }
        var group = Group()
        read(members, under: parent, into: &group)
        return group
    }
}
