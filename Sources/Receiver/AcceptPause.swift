import Logging
import NIOCore

/// Stops accepting for a moment after `accept` failed, as it does when file descriptors run out.
///
/// NIO's own AcceptBackoffHandler does not help there: a failed `accept` leaves its read pending, so the socket stays
/// registered, is readable, and the loop turns at full speed. Turning `autoRead` off takes the registration away.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    static let pauseMilliseconds: Int64 = 100
    private static let silence = TimeAmount.seconds(60)

    private let logger: Logger
    private var isPaused = false
    private var silentUntil: NIODeadline?

    init(logger: Logger) { self.logger = logger }

    /// Errors after which the socket is of no use close it in NIO itself, and end the service.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        let now = context.eventLoop.now
        if silentUntil.map({ now >= $0 }) ?? true {
            silentUntil = now + AcceptPause.silence
            logger.error("no connection can be accepted, trying again: \(error)")
        }
        guard !isPaused else { return }
        isPaused = true
        let channel = context.channel
        set(autoRead: false, channel)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        _ = context.eventLoop.scheduleTask(in: .milliseconds(AcceptPause.pauseMilliseconds)) {
            bound.value.isPaused = false
            bound.value.set(autoRead: true, channel)
        }
    }

    /// Fails only where the socket is closed by now.
    private func set(autoRead: Bool, _ channel: any Channel) {
        _ = channel.setOption(.autoRead, value: autoRead)
    }
}
