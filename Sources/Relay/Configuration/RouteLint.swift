import EventPatterns
import JSON

/// Finds what a match says about Gruveo's events that is allowed and probably not meant.
struct RouteLint {
    private let outline: PatternOutline
    private var found: [PatternFault] = []
    /// Indices of fields which no event of Gruveo can satisfy.
    private var impossible: Set<Int> = []
    /// Offsets of keys that were called unknown.
    private var unknown: Set<Int> = []

    /// - Parameter node: the text that the pattern was parsed from.
    static func lint(_ pattern: EventPattern, _ node: JSONNode) -> [PatternFault] {
        var lint = RouteLint(outline: PatternOutline(pattern, node))
        for index in lint.outline.fields.indices { lint.look(at: index) }
        lint.lookAtWhole(node)
        return lint.found
    }

    private init(outline: PatternOutline) { self.outline = outline }

    private mutating func look(at index: Int) {
        let field = outline.fields[index]
        let before = found.count
        switch GruveoPlace(field.steps) {
        case .object(let object): return lookAtObject(index, object)
        case .inside(let depth): return lookInside(index, depth)
        case .unknown(let depth, let names):
            lookAtName(field, depth, names)
            found += PatternLint.lint(field)
        case .value(let kind, let isTracking):
            let odd = lookAtValues(index, kind, isTracking: isTracking)
            // What is wrong with a value says enough: how it stands beside others would change with it.
            found += odd.isEmpty ? PatternLint.lint(field) : odd
        }
        lookForTrap(index, before)
    }

    private mutating func say(_ offset: Int, _ path: String, _ message: String) {
        found.append(PatternFault(offset: offset, path: path, message: message))
    }

    // MARK: - The whole

    private mutating func lookAtWhole(_ node: JSONNode) {
        let reasons = outline.conjunctions.compactMap { $0.first(where: impossible.contains) }
        guard reasons.count == outline.conjunctions.count, !reasons.isEmpty else { return }
        var paths: [String] = []
        for path in reasons.map({ outline.fields[$0].path }) where !paths.contains(path) { paths.append(path) }
        let names = paths.prefix(3).joined(separator: ", ") + (paths.count > 3 ? ", …" : "")
        say(node.offset, "", "this route can never match: no event of Gruveo fits \(names)")
    }

    // MARK: - Names

    private mutating func lookAtName(_ field: PatternOutline.Field, _ depth: Int, _ names: [String]) {
        let step = field.steps[depth - 1]
        guard unknown.insert(step.keyOffset).inserted else { return }
        let parents = field.steps[..<(depth - 1)].map(\.name)
        let path = (parents + [step.name]).joined(separator: ".")
        say(step.keyOffset, path, "Gruveo sends no \(Words.quoted(path))\(RouteLint.advice(step.name, parents, names))")
    }

    private static func advice(_ name: String, _ parents: [String], _ names: [String]) -> String {
        let prefix = parents.map { $0 + "." }.joined()
        if let near = Words.nearest(to: name, among: names) { return ", did you mean \(Words.quoted(prefix + near))?" }
        guard parents.isEmpty else {
            return ": the fields there are \(names.joined(separator: ", "))"
        }
        let inner = GruveoField.top.sorted { $0.key > $1.key }.first { _, field in
            if case .object(let names) = field { names[name] != nil } else { false }
        }
        if let inner { return ", did you mean \(Words.quoted("\(inner.key).\(name)"))?" }
        return ": a parameter of the call's link is \(Words.quoted("tracking.\(name)"))"
    }

    // MARK: - Objects and what is no object

    private mutating func lookAtObject(_ index: Int, _ object: GruveoField) {
        let field = outline.fields[index]
        guard let first = field.alternatives.first else { return }
        var names = ["\(field.path).NAME"]
        if case .object(let inner) = object { names = inner.keys.sorted().map { "\(field.path).\($0)" } }
        // Nothing rules out that a lacking object comes as null some day.
        if !field.allowsAbsence, !field.alternatives.contains(where: { $0.kinds == .null }) { impossible.insert(index) }
        let verb = field.allowsAbsence ? "always" : "never"
        let text = "\(field.path) holds fields and is no value, so this \(verb) fits: name \(Words.choice(names))"
        found.append(PatternFault(first, field, text))
    }

    private mutating func lookInside(_ index: Int, _ depth: Int) {
        let field = outline.fields[index]
        let value = field.steps[..<depth].map(\.name).joined(separator: ".")
        if !field.allowsAbsence { impossible.insert(index) }
        let verb = field.allowsAbsence ? "always" : "never"
        let text = "\(value) is a value and holds no fields, so this \(verb) fits: write \(Words.quoted(value)): […]"
        say(field.steps[depth].keyOffset, field.path, text)
    }

    // MARK: - Values

    private mutating func lookAtValues(_ index: Int, _ kind: GruveoField, isTracking: Bool) -> [PatternFault] {
        let field = outline.fields[index]
        let verdicts = field.alternatives.map(ValueLint(kind: kind, isTracking: isTracking, field: field).verdict)
        if verdicts.allSatisfy(\.isNever) { impossible.insert(index) }
        return zip(field.alternatives, verdicts).compactMap { alternative, verdict in
            verdict.message.map { PatternFault(alternative, field, $0) }
        }
    }

    /// The trap of this language: anything-but wants a value that is there.
    /// - Parameter others: how much was found before this field.
    private mutating func lookForTrap(_ index: Int, _ others: Int) {
        let field = outline.fields[index]
        guard let butter = field.alternatives.first(where: \.isAnythingBut), !GruveoField.always.contains(field.path),
            !field.alternatives.contains(where: { $0.isPresence || $0.isAnythingBut && !$0.isSatisfied(by: "") }),
            !optional.contains(field.path), alone.contains(index),
            !found[others...].contains(where: { $0.offset == butter.node.offset })
        else { return }
        let text = "an event without \(field.path) does not match: add {\"exists\": false} to the list if it should"
        found.append(PatternFault(butter, field, text))
    }

    /// Paths that may be missing by one of the pattern's fields: somebody has thought of that.
    private lazy var optional = Set(outline.fields.filter(\.allowsAbsence).map(\.path))

    /// Indices of fields that may be missing although all the others are there. Gruveo sends a documented object whole,
    /// so another field of it which has to be there makes one sure.
    private lazy var alone: Set<Int> = {
        let fields = outline.fields
        var alone: Set<Int> = []
        for conjunction in outline.conjunctions {
            let sure = Set(conjunction.filter { RouteLint.makesSure(fields[$0]) }.map { fields[$0].steps[0].name })
            alone.formUnion(
                conjunction.filter { fields[$0].steps.count != 2 || !sure.contains(fields[$0].steps[0].name) })
        }
        return alone
    }()

    private static func makesSure(_ field: PatternOutline.Field) -> Bool {
        guard case .object? = GruveoField.top[field.steps[0].name] else { return false }
        return field.steps.count == 2 && !field.allowsAbsence && !field.alternatives.contains(where: \.isAnythingBut)
    }
}
