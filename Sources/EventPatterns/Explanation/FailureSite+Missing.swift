internal import JSON

/// What to say of a field that has no value in the event.
extension FailureSite {
    /// How many of the event's paths are looked at for one that may have been meant.
    private static let mostPaths = 500
    /// A shorter name is near to too many others.
    private static let shortestName = 4

    /// Something is at the path, but it is no value.
    func container() -> String? {
        guard let first = lookup.containers.first else { return nil }
        let inner = lookup.containers.lazy.compactMap { $0.node.scalarPaths(most: 1).first }.first
        if let inner {
            let example = PlainText.escaped(field.path + "." + inner)
            let isList = !first.elements.isEmpty
            let what = isList ? "a list of objects, which are no values" : "an object, which is no value"
            return "\(name) is \(what): name a field in \(isList ? "them" : "it"), such as \(example)"
        }
        let what = if case .array = first.node.kind { "an empty list" } else { "an empty object" }
        let hint = absenceHint().map { ": \($0)" } ?? ""
        return "\(name) is \(what), which is no value" + hint
    }

    /// The alternatives may have been meant to take an event without the field.
    func absenceHint() -> String? {
        let fix = "add {\"exists\": false} to the list if that should match"
        for alternative in alternatives {
            if case .noneOf? = alternative.condition {
                return "anything-but wants a value that is there; \(fix)"
            }
            if alternative.node.isNull { return "null is a value, and a missing field has none; \(fix)" }
            if alternative.node.isEmptyString { return "\"\" is a value, and a missing field has none; \(fix)" }
        }
        return nil
    }

    /// The event has the field under another name, or the way to it ends at a value.
    func keyHint() -> String? {
        if let path = pathWithoutNumbers {
            return "lists do not show in names, and any element may match; write \(PlainText.escaped(path))"
        }
        let paths = event.scalarPaths(most: FailureSite.mostPaths)
        for path in paths {
            guard let difference = TextDifference(path, field.path) else { continue }
            let shown = PlainText.escaped(path)
            switch difference {
            case .letterCase: return "the event has \(shown), and upper and lower case differ"
            case .space: return "the event has \(PlainText.quoted(path)), and spaces count"
            default: return "the event has one that only looks the same, \(PlainText.spelledOut(path))"
            }
        }
        if let near = nearPath(among: paths) { return "did you mean \(PlainText.escaped(near))?" }
        if let blocker = lookup.blocker {
            let kind = blocker.node.kindName
            return "\(PlainText.escaped(blocker.path)) is \(kind) in this event, not an object"
        }
        let elsewhere = paths.filter { isTail(of: $0) }
        guard !elsewhere.isEmpty else { return nil }
        return "the event has " + elsewhere.prefix(3).map(PlainText.escaped).joined(separator: " and ")
    }

    /// `users[0].name` and `users.0.name` as this language has it, where the event has that.
    private var pathWithoutNumbers: String? {
        let names = EventLookup.names(of: field.path).map { name in
            name.last == UInt8(ascii: "]") ? Array(name.prefix { $0 != UInt8(ascii: "[") }) : name
        }.filter { name in name.contains { $0 &- UInt8(ascii: "0") > 9 } }
        let path = EventLookup.path(of: names)
        return path != field.path && !EventLookup(path, in: event).scalars.isEmpty ? path : nil
    }

    /// Whether one of two paths is the other one with names in front of it.
    private func isTail(of path: String) -> Bool {
        let theirs = EventLookup.names(of: path)
        let mine = EventLookup.names(of: field.path)
        return theirs.count > mine.count
            ? theirs.suffix(mine.count) == mine[...] : mine.suffix(theirs.count) == theirs[...]
    }

    /// A path that differs in one name, and in that by little.
    private func nearPath(among paths: [String]) -> String? {
        let mine = EventLookup.names(of: field.path)
        return paths.first { path in
            let theirs = EventLookup.names(of: path)
            guard theirs.count == mine.count else { return false }
            let different = mine.indices.filter { mine[$0] != theirs[$0] }
            guard different.count == 1, let index = different.first, mine[index].count >= FailureSite.shortestName
            else { return false }
            let name = String(decoding: theirs[index], as: UTF8.self)
            return Spelling.nearest(to: String(decoding: mine[index], as: UTF8.self), among: [name]) != nil
        }
    }
}
