import Logging
import NIOCore
import NIOEmbedded
import Relay

@testable import Receiver

/// One connection without a socket: strings in, strings out, and a clock that stands still until told.
final class Conversation {
    let channel: EmbeddedChannel
    let connections: Connections

    init(_ intake: Intake, _ limits: ReceiverLimits = ReceiverLimits()) throws {
        channel = EmbeddedChannel()
        connections = Connections(
            intake: intake, limits: limits, eventLoop: channel.embeddedEventLoop, logger: Logger(label: "test")
        ) { Timestamp(milliseconds: 42) }
        try channel.setOption(.allowRemoteHalfClosure, value: true).wait()
        try channel.pipeline.syncOperations.addReceiver(connections)
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/test")).wait()
    }

    /// Sends, and gives all that was answered since.
    func send(_ text: String) throws -> String {
        try channel.writeInbound(ByteBuffer(string: text))
        return try received()
    }

    func received() throws -> String {
        var text = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    func wait(milliseconds: Int) throws -> String {
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(Int64(milliseconds)))
        return try received()
    }

    /// Whether the listener has forgotten the connection.
    var isClosed: Bool { !channel.isActive }

    /// Whether this was the last answer: what comes afterwards is ignored.
    func isOver() throws -> Bool { try isClosed || send(head("GET /healthz")).isEmpty }
}
