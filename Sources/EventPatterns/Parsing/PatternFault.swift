/// One thing that is wrong in a pattern, or probably not meant, with the place of it.
package struct PatternFault: Sendable, Equatable {
    /// Byte offset in the text that the pattern came from.
    package let offset: Int
    /// The field, its names joined with "."; empty at the top level.
    package let path: String
    /// One line in plain words that says what is allowed there.
    package let message: String

    package init(offset: Int, path: String, message: String) {
        self.offset = offset
        self.path = path
        self.message = message
    }
}

/// All faults of one pattern, in the order of the text.
package struct PatternFaults: Error, Sendable, Equatable {
    package let faults: [PatternFault]

    package init(_ faults: [PatternFault]) { self.faults = faults }
}
