/// How one attempt ended. An outcome of the world, not an error of ours: it is a value.
package struct AttemptResult: Sendable {
    package enum Ending: Sendable {
        case response(Response)
        case failure(TransferFailure)
    }

    package let ending: Ending
    package let startedAt: Timestamp
    package let durationMilliseconds: Int64

    package init(ending: Ending, startedAt: Timestamp, durationMilliseconds: Int64) {
        self.ending = ending
        self.startedAt = startedAt
        self.durationMilliseconds = durationMilliseconds
    }
}

/// A destination's answer: status line and headers are complete, of the body the first 64 KiB at most.
package struct Response: Sendable {
    package let status: Int
    /// Lines that end in LF, as and in the order in which they came. Most answers are never asked for a header, so
    /// nothing is read out of them before.
    private let headerLines: [UInt8]
    package let body: [UInt8]
    /// False where the body was cut: by our limit, a timeout or the peer.
    package let isComplete: Bool

    package static let bodyLimit = 64 * 1024

    package init(status: Int, headerLines: [UInt8], body: [UInt8], isComplete: Bool) {
        self.status = status
        self.headerLines = headerLines
        self.body = body
        self.isComplete = isComplete
    }

    package init(status: Int, headers: [OutgoingRequest.Header], body: [UInt8], isComplete: Bool) {
        let lines = headers.flatMap { Array("\($0.name):\($0.value)\n".utf8) }
        self.init(status: status, headerLines: lines, body: body, isComplete: isComplete)
    }

    /// Names in lower case, values without the space around them.
    package var headers: [OutgoingRequest.Header] {
        headerLines.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let value = line[(colon + 1)...].drop(while: Response.isSpace)
            let end = value.lastIndex { !Response.isSpace($0) }.map { $0 + 1 } ?? value.startIndex
            return OutgoingRequest.Header(
                String(decoding: line[..<colon], as: UTF8.self).lowercased(),
                String(decoding: value[..<end], as: UTF8.self))
        }
    }

    /// The first header of this lower-case name.
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// Why no complete status line and headers came.
package struct TransferFailure: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The name look-up failed for now (SERVFAIL, no resolver, timeout).
        case dns
        /// The name does not exist.
        case unknownHost
        case connect
        case timeout
        /// The connection ended before the answer was complete.
        case reset
        /// Certificate or handshake refused.
        case tls
        /// The resolved address is outside the destination's policy.
        case addressDenied
        /// What came is not HTTP.
        case notHTTP
        /// libcurl refused the request itself.
        case setup
        /// We are shutting down.
        case cancelled
    }

    package let kind: Kind
    /// In plain words, without a secret or a URL's path.
    package let text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
