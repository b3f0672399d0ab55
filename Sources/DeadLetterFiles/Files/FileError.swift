import Glibc

/// A system call on the state directory that failed.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, as a person would say it: `open`, `rename`, `fsync`.
    package let operation: String
    /// The whole path, printable.
    package let path: String
    /// The errno of the call.
    package let code: Int32

    init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var description: String { "cannot \(operation) \(path): \(String(cString: strerror(code)))" }
}
