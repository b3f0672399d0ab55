/// Some of the 256 bytes.
struct ByteSet: Sendable {
    private let isMember: [Bool]

    init(_ isMember: (UInt8) -> Bool) { self.isMember = (0...UInt8.max).map(isMember) }

    func contains(_ byte: UInt8) -> Bool { isMember[Int(byte)] }

    /// Whether one of them is in the text.
    func meets(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        for index in bytes.indices where isMember[Int(bytes[index])] { return true }
        return false
    }
}
