import NIOCore
import Relay

/// All that the public listener ever says. Nothing of a request is in it.
enum Answer: Equatable {
    case accepted(EventID)
    case healthy
    case malformed
    case unauthorized
    case notFound
    case methodNotAllowed(allowed: String)
    case timedOut
    case tooLarge
    case headerTooLarge
    case unavailable(retryAfterSeconds: Int)

    /// To a request that comes while we stop, or when no connection can give way.
    static let stopping = Answer.unavailable(retryAfterSeconds: 2)

    init(_ answer: Intake.Answer) {
        switch answer {
        case .accepted(let id): self = .accepted(id)
        case .unauthorized: self = .unauthorized
        case .unavailable(let seconds): self = .unavailable(retryAfterSeconds: seconds)
        }
    }

    /// Status line, and a field of its own where the status has one.
    private var head: String {
        switch self {
        case .accepted, .healthy: "200 OK\r\n"
        case .malformed: "400 Bad Request\r\n"
        case .unauthorized: "401 Unauthorized\r\n"
        case .notFound: "404 Not Found\r\n"
        case .methodNotAllowed(let allowed): "405 Method Not Allowed\r\nallow: \(allowed)\r\n"
        case .timedOut: "408 Request Timeout\r\n"
        case .tooLarge: "413 Content Too Large\r\n"
        case .headerTooLarge: "431 Request Header Fields Too Large\r\n"
        case .unavailable(let seconds): "503 Service Unavailable\r\nretry-after: \(seconds)\r\n"
        }
    }

    /// The whole answer without a body.
    fileprivate func text(closes: Bool) -> String {
        "HTTP/1.1 \(head)content-length: 0\r\n\(closes ? "connection: close\r\n" : "")\r\n"
    }
}

/// Answers as bytes. The one of the hot path is kept ready, so that an id is all that has to be filled in.
struct AnswerBytes {
    static let proceed = ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n")

    private var accepted = ByteBuffer(staticString: acceptedKeeping)
    private var acceptedLast = ByteBuffer(staticString: acceptedClosing)

    /// The answer on the wire; `closes` says that it is the connection's last.
    mutating func bytes(of answer: Answer, closes: Bool) -> ByteBuffer {
        guard case .accepted(let id) = answer else { return ByteBuffer(string: answer.text(closes: closes)) }
        // In place: the buffer is only copied while an earlier answer from it still waits to be written.
        if closes {
            acceptedLast.fill(in: id)
            return acceptedLast
        }
        accepted.fill(in: id)
        return accepted
    }
}

private let acceptedKeeping: StaticString = """
    HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\r\n\
    {"id":"evt_00000000000000000000000000000000"}
    """
private let acceptedClosing: StaticString = """
    HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 45\r\nconnection: close\r\n\r\n\
    {"id":"evt_00000000000000000000000000000000"}
    """

extension ByteBuffer {
    /// Writes the id's 32 digits over those before the closing `"}`.
    fileprivate mutating func fill(in id: EventID) {
        let start = writerIndex - 34
        let words = [id.high >> 32, id.high, id.low >> 32, id.low]
        for index in 0..<4 {
            setInteger(hexDigits(UInt32(truncatingIfNeeded: words[index])), at: start + 8 * index)
        }
    }
}

/// Eight lower-case hex digits as the bytes of one word, the first digit most significant.
func hexDigits(_ value: UInt32) -> UInt64 {
    var nibbles = UInt64(value)
    nibbles = (nibbles & 0xFFFF_0000) << 16 | nibbles & 0xFFFF
    nibbles = (nibbles & 0x0000_FF00_0000_FF00) << 8 | nibbles & 0x0000_00FF_0000_00FF
    nibbles = (nibbles & 0x00F0_00F0_00F0_00F0) << 4 | nibbles & 0x000F_000F_000F_000F
    // Adding 6 carries into the next bit for the nibbles from 10 up: these are letters, 0x27 above the digits.
    let letters = (nibbles + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return nibbles + 0x3030_3030_3030_3030 + letters * 0x27
}
