/// Bounds that the public listener holds each of its clients to.
package struct ReceiverLimits: Sendable, Equatable {
    /// Open connections at most; above it the one that has kept us waiting longest gives way.
    package var connections = 1024
    /// Bytes of the request target and of all field names and values, trailers included.
    package var headerBytes = 16_384
    /// Header fields of one request, trailers included.
    package var headerCount = 100
    /// Time for a whole request head, from the connection or from its first byte on a kept one.
    package var headerDeadlineMilliseconds = 10_000
    /// Time for a whole request body.
    package var bodyDeadlineMilliseconds = 30_000
    /// Time between an answer and the first byte of the next request.
    package var idleMilliseconds = 75_000
    /// Time for the client to read our last answer before its connection is closed. Closing at once, with its bytes
    /// unread, would reset the connection and could take the answer away.
    package var lingerMilliseconds = 2_000
    /// Time that a request which has begun, or the first one of a new connection, has to come whole once the relay
    /// stops; half of the drain time where that is less.
    package var stopGraceMilliseconds = 2_000
    /// Bytes of a body that nobody wants (404, 405) which are read for the connection's sake.
    package var unwantedBodyBytes = 262_144

    package init() {}

    /// The limits of a process that can afford so many connections.
    package init(mostConnections: Int) { connections = min(connections, mostConnections) }
}

/// The limits in time, counted in ticks of one clock that all connections share: a request then costs no timer and
/// no look at the clock, and a deadline may be up to two ticks late.
struct Deadlines {
    /// Milliseconds of one tick: a tenth of the shortest limit, between 1 ms and 1 s.
    let tickMilliseconds: Int
    let headerTicks: Int
    let bodyTicks: Int
    let idleTicks: Int
    let lingerTicks: Int

    init(_ limits: ReceiverLimits) {
        let shortest = min(
            min(limits.headerDeadlineMilliseconds, limits.bodyDeadlineMilliseconds),
            min(limits.idleMilliseconds, limits.lingerMilliseconds))
        let tick = min(1000, max(1, shortest / 10))
        // One more than the quotient: the tick in which the wait began has already partly passed.
        func ticks(_ milliseconds: Int) -> Int { (milliseconds + tick - 1) / tick + 1 }
        tickMilliseconds = tick
        headerTicks = ticks(limits.headerDeadlineMilliseconds)
        bodyTicks = ticks(limits.bodyDeadlineMilliseconds)
        idleTicks = ticks(limits.idleMilliseconds)
        lingerTicks = ticks(limits.lingerMilliseconds)
    }

    /// Ticks that a connection may stay in this phase, nil for as long as it takes.
    func ticks(in phase: Phase) -> Int? {
        switch phase {
        case .fresh, .head: headerTicks
        case .idle: idleTicks
        case .body, .unwantedBody: bodyTicks
        case .lingering: lingerTicks
        case .storing, .closed: nil
        }
    }
}

/// What a connection is waiting for.
enum Phase: Equatable {
    /// The first byte of its first request.
    case fresh
    /// The first byte of a further request.
    case idle
    /// The rest of a request head.
    case head
    /// The rest of a body that the intake wants.
    case body
    /// The rest of a body whose answer is already decided.
    case unwantedBody
    /// The intake's answer.
    case storing
    /// The client's end: the last answer is written, what still comes is thrown away.
    case lingering
    case closed

    /// Whether a request has begun that is neither with the intake nor answered.
    var isMidRequest: Bool { self == .head || self == .body || self == .unwantedBody }
}
