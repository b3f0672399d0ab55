package import JSON

/// What is wrong with the text of a dead letter.
package enum DeadLetterFault: Error, Sendable, Equatable, CustomStringConvertible {
    case syntax(at: SourcePosition, String)
    case missing(key: String)
    case invalid(key: String, at: SourcePosition, wanted: String)

    package var description: String {
        switch self {
        case .syntax(let place, let text): "line \(place): \(text)"
        case .missing(let key): "the key \(key) is missing"
        case .invalid(let key, let place, let wanted): "line \(place): \(key) must be \(wanted)"
        }
    }
}

/// Why something could not be done with a dead letter.
package enum DeadLetterError: Error, Sendable, CustomStringConvertible {
    case system(FileError)
    /// So many bytes are to be left free.
    case noRoom(UInt64)
    /// Not an event id, nor at least 8 digits from the start of one.
    case invalidID(String)
    case invalidDestination(String)
    case notFound(String)
    /// The prefix fits several events.
    case ambiguous(String, candidates: [String])
    /// The event is dead at several destinations and none was named.
    case severalDestinations(String, [String])
    /// The file is not a dead letter, or no longer.
    case unreadable(path: String, DeadLetterFault)
    /// The file says that it belongs elsewhere.
    case misplaced(path: String)
    /// Larger than what redrive/ takes.
    case tooLarge(path: String, limit: Int)
    /// A file for this delivery lies in redrive/ already.
    case alreadyWaiting(path: String)

    package var description: String {
        switch self {
        case .system(let error): error.description
        case .noRoom(let bytes): "it would leave less than \(bytes) bytes free, which the queue needs"
        case .invalidID(let text):
            "\(printable(text.utf8.prefix(80))) is no event id: write evt_ and 32 hex digits, or the first 8 or more"
        case .invalidDestination(let name): "\(printable(name.utf8.prefix(80))) is no name of a destination"
        case .notFound(let id): "no dead letter \(id)"
        case .ambiguous(let id, let candidates): "\(id) could be \(candidates.joined(separator: ", "))"
        case .severalDestinations(let id, let names):
            "\(id) is dead at \(names.joined(separator: ", ")): name the destination"
        case .unreadable(let path, let fault): "\(path): \(fault)"
        case .misplaced(let path): "\(path): the id or the destination in the file is another than its place says"
        case .tooLarge(let path, let limit): "\(path): larger than \(limit) bytes"
        case .alreadyWaiting(let path): "\(path) waits there already"
        }
    }
}
