/// What one render may use, so that no template can hold up the process: it is stopped by a clear error.
///
/// What an operation will make is paid before it is made. Strings and lists are values, so sharing is free; what is
/// bounded is the work, and the size that each value would have as JSON.
package struct Budget: Sendable {
    package struct Limits: Sendable {
        /// Nodes of the template and of its expressions that are evaluated, elements made, and 64 bytes of text each;
        /// what takes longer counts as several.
        package var steps = 100_000
        /// Template values and expressions inside each other, and lists and objects inside each other in any value.
        package var depth = 100
        /// Bytes of JSON of the result and of each value on the way.
        package var bytes = 1 << 20

        package init() {}
    }

    /// Text that one step pays for, in bytes.
    private static let bytesPerStep = 64
    /// The same where each character is looked up in tables.
    private static let lookedUpBytesPerStep = 4
    /// What it costs to put a member into an object that may be large.
    private static let stepsPerKey = 4

    package let limits: Limits
    private var stepsLeft: Int
    private var depth = 0

    package init(_ limits: Limits = Limits()) {
        self.limits = limits
        stepsLeft = limits.steps
    }

    package mutating func spend(_ steps: Int = 1) throws(TemplateError) {
        // Compared before it is subtracted: `steps` may be any number that a template names.
        guard steps <= stepsLeft else {
            stepsLeft = 0
            throw TemplateError(.budget, "stopped after \(limits.steps) steps: the template does too much work")
        }
        stepsLeft -= steps
    }

    /// Pays for reading or writing text.
    package mutating func spend(bytes: Int) throws(TemplateError) { try spend(bytes / Budget.bytesPerStep) }

    /// Pays for looking up each character of text.
    package mutating func spend(lookedUpBytes bytes: Int) throws(TemplateError) {
        try spend(bytes / Budget.lookedUpBytesPerStep)
    }

    /// Pays for putting members into an object.
    mutating func spend(keys: Int) throws(TemplateError) { try spend(Budget.stepsPerKey * keys) }

    /// Pays for a string of this many bytes that is about to be made.
    package mutating func makeText(bytes: Int) throws(TemplateError) {
        try checkSize(bytes)
        try spend(bytes: bytes)
    }

    func checkSize(_ bytes: Int) throws(TemplateError) {
        guard bytes <= limits.bytes else {
            throw TemplateError(.budget, "a value or the result would be larger than \(limits.bytes) bytes")
        }
    }

    private func checkDepth(_ depth: Int) throws(TemplateError) {
        guard depth <= limits.depth else {
            throw TemplateError(.budget, "nested deeper than \(limits.depth) levels")
        }
    }

    mutating func enter() throws(TemplateError) {
        try spend()
        depth += 1
        try checkDepth(depth)
    }

    mutating func leave() { depth -= 1 }

    /// Makes a list whose elements have been paid for.
    package func list(_ elements: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        let list = TemplateList(elements)
        try checkSize(list.size)
        try checkDepth(list.depth)
        return .list(list)
    }

    /// Makes an object whose members have been paid for.
    package func object(_ members: [TemplateFields.Member]) throws(TemplateError) -> TemplateValue {
        try object(FieldsBuilder(members))
    }

    func object(_ builder: FieldsBuilder) throws(TemplateError) -> TemplateValue {
        let fields = TemplateFields(builder)
        try checkSize(fields.size)
        try checkDepth(fields.depth)
        return .object(fields)
    }
}
