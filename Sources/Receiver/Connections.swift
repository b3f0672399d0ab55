import Logging
import NIOCore
import Relay

/// All open connections of the listener, their clock and what they share. Lives on the event loop.
final class Connections {
    let intake: Intake
    let limits: ReceiverLimits
    let deadlines: Deadlines
    let now: @Sendable () -> Timestamp
    let mailbox: Mailbox
    var answerBytes = AnswerBytes()
    private(set) var isStopping = false
    /// Ticks since the start, counted while there are connections.
    private(set) var tick = 0

    private let eventLoop: any EventLoop
    private let logger: Logger
    private var open: [ObjectIdentifier: Connection] = [:]
    private var admitted = 0
    private var isTicking = false
    private var lastCrowdedTick: Int?
    private var whenEmpty: EventLoopPromise<Void>?

    init(
        intake: Intake, limits: ReceiverLimits, eventLoop: any EventLoop, logger: Logger,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.intake = intake
        self.limits = limits
        self.eventLoop = eventLoop
        self.logger = logger
        self.now = now
        deadlines = Deadlines(limits)
        mailbox = Mailbox(eventLoop: eventLoop)
    }

    /// Takes a connection in, at the cap in place of the one that has kept us waiting longest. False if the relay
    /// stops, or all the others wait for us.
    func admit(_ connection: Connection) -> Bool {
        guard !isStopping, open.count < limits.connections || makeRoom() else { return false }
        admitted += 1
        connection.number = admitted
        open[ObjectIdentifier(connection)] = connection
        startTicking()
        return true
    }

    func remove(_ connection: Connection) {
        open[ObjectIdentifier(connection)] = nil
        if open.isEmpty { whenEmpty?.succeed() }
    }

    /// Closes what waits for a further request, takes for a short time what a client has begun or connected for, then
    /// refuses it, and lets the intake's answers go out; the future is there when all connections are closed, by force
    /// after the drain time.
    func stop(drainMilliseconds: Int) -> EventLoopFuture<Void> {
        isStopping = true
        let promise = eventLoop.makePromise(of: Void.self)
        whenEmpty = promise
        for connection in Array(open.values) { connection.stop() }
        if open.isEmpty { promise.succeed() }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let grace = min(limits.stopGraceMilliseconds, drainMilliseconds / 2)
        let refusal = eventLoop.scheduleTask(in: .milliseconds(Int64(grace))) { bound.value.refuseUnfinished() }
        let force = eventLoop.scheduleTask(in: .milliseconds(Int64(drainMilliseconds))) { bound.value.closeAll() }
        promise.futureResult.whenComplete { [mailbox] _ in
            refusal.cancel()
            force.cancel()
            mailbox.close()
        }
        return promise.futureResult
    }

    private func refuseUnfinished() {
        for connection in Array(open.values) { connection.refuseUnfinished() }
    }

    private func closeAll() {
        for connection in Array(open.values) { connection.close() }
    }

    private func makeRoom() -> Bool {
        // Once a minute at most: whoever fills the listener must not fill the log as well.
        if lastCrowdedTick.map({ (tick - $0) * deadlines.tickMilliseconds > 60_000 }) ?? true {
            lastCrowdedTick = tick
            logger.warning("all \(limits.connections) connections are taken; the longest waiting give way")
        }
        let yielding = open.values.filter { $0.phase != .storing }
        guard let oldest = yielding.min(by: { ($0.since, $0.number) < ($1.since, $1.number) }) else { return false }
        oldest.yield()
        return true
    }

    private func startTicking() {
        guard !isTicking else { return }
        isTicking = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        _ = eventLoop.scheduleTask(in: .milliseconds(Int64(deadlines.tickMilliseconds))) { bound.value.advance() }
    }

    private func advance() {
        tick += 1
        for connection in Array(open.values) { connection.checkDeadline() }
        isTicking = false
        if !open.isEmpty { startTicking() }
    }
}
