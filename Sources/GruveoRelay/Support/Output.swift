import Glibc
import JSON

/// Data goes to standard output, words to standard error. A reader that has gone away ends the program quietly.
enum Output {
    static func data(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    static func data(_ object: JSONObject) { data(JSONSerializer.text(.object(object))) }

    static func words(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

    /// Writes all of it, as long as somebody takes it.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return lost(descriptor, errno) }
        }
    }

    /// `| head` closes the pipe on purpose; a full disk must not look like success.
    private static func lost(_ descriptor: Int32, _ code: Int32) {
        guard descriptor == STDOUT_FILENO else { return }
        exit(code == EPIPE ? EXIT_SUCCESS : EX_IOERR)
    }
}

/// Control characters of foreign text would move a terminal's cursor or worse: they become visible escapes.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.flatMap { scalar -> [Unicode.Scalar] in
                let isControl = scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
                guard isControl, scalar != "\n" else { return [scalar] }
                return Array("\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }))
}
