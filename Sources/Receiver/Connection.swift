import NIOCore
import NIOHTTP1
import Relay

/// One client's connection, behind NIO's request decoder. Takes one request at a time: those that a client sends
/// ahead wait in `backlog`, and no more is read until they are answered.
final class Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// Counted by `Connections`, older is less.
    var number = 0
    private(set) var phase = Phase.fresh
    /// The tick in which this phase began.
    private(set) var since = 0

    private let connections: Connections
    private var context: ChannelHandlerContext?

    // The request at hand.
    private var body: [UInt8] = []
    private var source: Source?
    private var signatures: [String] = []
    private var decided: Answer?
    private var unwantedBytes = 0
    private var isLastRequest = false

    // What came ahead of its turn.
    private var backlog = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 1)
    private var failure: Answer?
    private var isInputClosed = false
    private var isReadHeld = false
    private var isProcessing = false
    private var sawPart = false

    init(_ connections: Connections) { self.connections = connections }

    // MARK: What the channel tells

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        since = connections.tick
        if !connections.admit(self) {
            writeOut(.stopping, closes: true, context)
            close()
        }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sawPart = true
        let part = unwrapInboundIn(data)
        guard phase != .storing, backlog.isEmpty else { return backlog.append(part) }
        isProcessing = true
        process(part, context)
        isProcessing = false
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, and the decoder made nothing of them: a head has begun.
        if !sawPart {
            if phase == .fresh { phase = .head }
            if phase == .idle { enter(.head) }
        }
        sawPart = false
    }

    /// Reads on unless requests wait already, or the client does not take our answers.
    func read(context: ChannelHandlerContext) {
        isReadHeld = !backlog.isEmpty || !context.channel.isWritable
        if !isReadHeld { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if isReadHeld { read(context: context) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError || error is ByteToMessageDecoderError else { return close() }
        let answer: Answer = error as? HTTPParserError == .headerOverflow ? .headerTooLarge : .malformed
        if phase == .storing || !backlog.isEmpty {
            failure = failure ?? answer
        } else {
            refuse(answer, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed {
            isInputClosed = true
            if phase != .storing { close() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: What the listener asks

    /// The intake's answer to the request that was handed to it.
    func finish(with answer: Intake.Answer) {
        guard phase == .storing, let context else { return }
        write(Answer(answer), context)
        if !isProcessing { resume(context) }
    }

    /// Ends a wait that has lasted too long.
    func checkDeadline() {
        guard let limit = connections.deadlines.ticks(in: phase), connections.tick - since >= limit else { return }
        guard phase.isMidRequest, let context else { return close() }
        refuse(.timedOut, context)
    }

    /// Gives way to another connection. Its request may have come already, and lie unread where we are behind: it may
    /// be sent again.
    func yield() {
        if phase.isMidRequest, let context { writeOut(.timedOut, closes: true, context) }
        if phase == .fresh, let context { writeOut(.stopping, closes: true, context) }
        close()
    }

    /// The listener stops: there is no further request on a connection that has had one.
    func stop() {
        if phase == .idle { close() }
    }

    /// The listener has waited long enough after its stop.
    func refuseUnfinished() {
        switch phase {
        case .fresh, .idle: close()
        case .head, .body, .unwantedBody: if let context { refuse(.stopping, context) }
        case .storing, .lingering, .closed: break
        }
    }

    func close() {
        let context = context
        leave()
        context?.close(promise: nil)
    }

    private func leave() {
        guard phase != .closed else { return }
        phase = .closed
        context = nil
        backlog.removeAll()
        connections.remove(self)
    }

    private func enter(_ next: Phase) {
        phase = next
        since = connections.tick
    }
}

// MARK: - One request

extension Connection {
    /// Goes on with what came ahead.
    private func resume(_ context: ChannelHandlerContext) {
        isProcessing = true
        while phase != .storing, let part = backlog.popFirst() { process(part, context) }
        isProcessing = false
        guard phase != .storing, phase != .closed else { return }
        if let failure {
            self.failure = nil
            refuse(failure, context)
        }
        if isInputClosed { return close() }
        if isReadHeld { read(context: context) }
    }

    private func process(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case _ where phase == .lingering || phase == .closed: break
        case .head(let head): begin(head, context)
        case .body(let bytes): receive(bytes, context)
        case .end: complete(context)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let facts = RequestFacts(head)
        isLastRequest = facts.isLast
        let judgement = judge(
            head, facts, unwantedBodyBytes: connections.limits.unwantedBodyBytes,
            sourceAtPath: connections.intake.source(atPath:))
        switch judgement {
        case .take(let source): expectBody(for: source, facts, context)
        case .answer(let answer):
            decided = answer
            unwantedBytes = 0
            enter(.unwantedBody)
        case .refuse(let answer): refuse(answer, context)
        }
    }

    private func expectBody(for source: Source, _ facts: RequestFacts, _ context: ChannelHandlerContext) {
        self.source = source
        signatures = facts.signatures
        enter(.body)
        // Room for a usual event at once; a client that only announces a large body gets no memory for it.
        if case .bytes(let count) = facts.contentLength { body.reserveCapacity(min(count, 16_384)) }
        let hasBody = facts.isChunked || facts.contentLength?.exceeds(0) == true
        if facts.expectsContinue, hasBody { context.writeAndFlush(wrapOutboundOut(AnswerBytes.proceed), promise: nil) }
    }

    private func receive(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        if phase == .body, let source {
            guard body.count + bytes.readableBytes <= source.maxBody else { return refuse(.tooLarge, context) }
            bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) }
        } else if phase == .unwantedBody, let decided {
            unwantedBytes += bytes.readableBytes
            if unwantedBytes > connections.limits.unwantedBodyBytes { refuse(decided, context) }
        }
    }

    private func complete(_ context: ChannelHandlerContext) {
        if phase == .body, let source {
            enter(.storing)
            let whole = body
            let values = signatures
            forgetRequest()
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            connections.intake.take(whole, source: source, signatures: values, receivedAt: connections.now()) {
                [mailbox = connections.mailbox] in mailbox.post($0, to: bound)
            }
        } else if phase == .unwantedBody, let decided {
            write(decided, context)
        }
    }

    /// Answers the request at hand, and goes on unless it was the last.
    private func write(_ answer: Answer, _ context: ChannelHandlerContext) {
        let closes = isLastRequest || connections.isStopping
        guard !closes else { return refuse(answer, context) }
        enter(.idle)
        writeOut(answer, closes: false, context)
    }

    /// Gives the last answer: whatever still comes is thrown away until the client ends too, or time is up.
    private func refuse(_ answer: Answer, _ context: ChannelHandlerContext) {
        guard phase != .lingering, phase != .closed else { return }
        enter(.lingering)
        forgetRequest()
        backlog.removeAll()
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { self.endOutput() }
        let bytes = connections.answerBytes.bytes(of: answer, closes: true)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    private func endOutput() {
        guard phase == .lingering, let context else { return }
        if isInputClosed { return close() }
        context.close(mode: .output, promise: nil)
    }

    private func writeOut(_ answer: Answer, closes: Bool, _ context: ChannelHandlerContext) {
        let bytes = connections.answerBytes.bytes(of: answer, closes: closes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    private func forgetRequest() {
        body = []
        source = nil
        signatures = []
        decided = nil
    }
}
