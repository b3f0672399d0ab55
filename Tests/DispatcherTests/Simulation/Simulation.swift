import Dispatcher
import Relay
import Synchronization

/// One run of the dispatcher in a world of doubles: a seed decides what happens, and after each step nothing may be
/// lost, doubled without a reason, out of order or beyond a bound.
final class Simulation {
    private static let names = ["crm", "chat", "log"]
    private static let broken = StoreError(.full, "disk full")

    private var random: SeededGenerator
    private var bed: TestBed
    private var world = World()
    private var destinations: [String: Destination] = [:]
    private var nextKey: Int64 = 1
    /// Answered 200.
    private let acknowledged = Acknowledged()
    /// Whom an operator has paused.
    private var paused: Set<String> = []
    /// What an operator gives up.
    private var droppedNames: Set<String> = []
    private var droppedKeys: Set<Int64> = []
    /// What was sent again after its end: it had its turn in the order.
    private var sentAgain: Set<Int64> = []
    private var checkedCalls = 0
    private var checks = 0
    private(set) var faults: [String] = []
    private(set) var trace: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        for name in Simulation.names { destinations[name] = Simulation.destination(name, version: 0) }
        bed = TestBed(Array(destinations.values))
    }

    /// `chat` is ordered, `log` has a rate. Another version has another address.
    private static func destination(_ name: String, version: Int) -> Destination {
        TestBed.destination(
            name, url: "https://\(name).example.com/\(version)", concurrency: name == "crm" ? 4 : 2,
            rate: name == "log" ? Rate(requests: 3, periodMilliseconds: 1000) : nil, isOrdered: name == "chat")
    }

    /// Runs so many steps, then lets everybody be well and all of it arrive.
    func run(steps: Int) {
        for _ in 0..<steps where faults.isEmpty {
            step()
            check()
        }
        if faults.isEmpty { finish() }
    }

    // MARK: Steps

    private func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<20: receive()
        case 20..<50: for _ in 0..<Int.random(in: 1...4, using: &random) { answerOne() }
        case 50..<62: advance(Double.random(in: 0...2, using: &random))
        case 62..<68: advance(Double.random(in: 0...4000, using: &random))
        case 68..<72: changeMood()
        case 72..<77: hold()
        case 77..<83: commit()
        case 83..<86: failDisk()
        case 86..<89: reload()
        case 89..<91: order()
        case 91..<92: drop()
        case 92..<94: sendAgain()
        case 94..<96: crash()
        case 96..<98: cancelOne()
        default: jump()
        }
    }

    private func receive() {
        let keys = nextKey..<nextKey + Int64.random(in: 1...3, using: &random)
        nextKey = keys.upperBound
        note("receive \(keys)")
        let (bed, acknowledged) = (bed, acknowledged)
        for key in keys {
            // A delivery's key is its event's and its destination's, as in the real store.
            let deliveries = Simulation.names.enumerated().map { place, name in
                TestBed.delivery(key * 8 + Int64(place), to: name, receivedAt: bed.now)
            }
            bed.store.accept(deliveries) { result in
                guard case .success = result else { return }
                acknowledged.add(deliveries.map(\.key.rawValue))
                bed.run { $0.take(deliveries) }
            }
        }
    }

    private func answerOne() {
        guard let call = bed.sender.open.randomElement(using: &random) else { return }
        let ending = world.answer(call, using: &random)
        if case .response(let response) = ending {
            note("answer \(call.destination) \(call.key): \(response.status)")
        } else {
            note("answer \(call.destination) \(call.key): nothing")
        }
        bed.end(call, ending)
    }

    /// The receiver reads the request, and the process stops waiting for the answer.
    private func cancelOne() {
        guard let call = bed.sender.open.randomElement(using: &random) else { return }
        note("cancel \(call.destination) \(call.key)")
        world.note(call, isTaken: Bool.random(using: &random))
        bed.end(call, .failure(TransferFailure(.cancelled, "")))
    }

    private func advance(_ seconds: Double) {
        note("advance \(seconds)")
        bed.advance(seconds: seconds)
    }

    private func changeMood() {
        guard let name = Simulation.names.randomElement(using: &random) else { return }
        world.moods[name] = World.Mood.allCases.randomElement(using: &random)
        note("\(name) is \(world.moods[name].map { "\($0)" } ?? "")")
    }

    private func hold() {
        note("disk is slow")
        bed.store.holdBack()
        if Bool.random(using: &random) { bed.letters.holdBack() }
    }

    private func commit() {
        note("disk is done")
        bed.letGo()
        bed.executor.perform { bed.letters.letGo() }
    }

    private func failDisk() {
        let isBroken = Bool.random(using: &random)
        note("disk is \(isBroken ? "full" : "well")")
        bed.store.failSettles(isBroken ? Simulation.broken : nil)
        bed.store.failLeases(isBroken && Bool.random(using: &random) ? Simulation.broken : nil)
        bed.letters.fail(isBroken && Bool.random(using: &random))
    }

    private func reload() {
        guard let name = Simulation.names.randomElement(using: &random) else { return }
        if destinations[name] != nil, Bool.random(using: &random) {
            destinations[name] = nil
        } else {
            destinations[name] = Simulation.destination(name, version: Int.random(in: 0...2, using: &random))
        }
        note("reload: \(name) \(destinations[name].map { $0.url } ?? "is gone")")
        bed.use(Array(destinations.values))
    }

    private func order() {
        guard let name = Simulation.names.randomElement(using: &random), destinations[name] != nil,
            let order = LaneOrder.allCases.randomElement(using: &random)
        else { return }
        note("\(order) \(name)")
        bed.order(order, name)
        // What an operator orders is in force at once, but has to be on disk to survive a crash.
        if order == .pause { paused.insert(name) }
        if order == .resume { paused.remove(name) }
    }

    /// All that waits for a destination, or one event's delivery to it.
    private func drop() {
        guard let key = acknowledged.keys.sorted().randomElement(using: &random), let row = bed.store.row(key) else {
            return
        }
        let name = row.delivery.destination
        let event = Int.random(in: 0..<4, using: &random) == 0 ? nil : row.delivery.event.id
        note("drop \(event.map { "\($0)" } ?? "all") of \(name)")
        if event == nil { droppedNames.insert(name) } else { droppedKeys.insert(key) }
        _ = bed.drop(name, event)
    }

    /// A replay, or a dead letter that is redriven.
    private func sendAgain() {
        let bed = bed
        let ended = acknowledged.keys.filter { bed.store.place($0)?.hasEnded == true }.sorted()
        guard let key = ended.randomElement(using: &random) else { return }
        note("send \(key) again")
        sentAgain.insert(key)
        bed.store.sendAgain(key) { result in
            guard case .success = result else { return }
            bed.run { $0.wake(Simulation.names[Int(key % 8)]) }
        }
    }

    private func crash() {
        let durable = Int.random(in: 0...4, using: &random)
        note("crash, \(durable) are on disk")
        // The requests on their way may still be read.
        for call in bed.sender.open { world.note(call, isTaken: Bool.random(using: &random)) }
        bed = bed.restarted(Array(destinations.values), durable: durable)
        bed.store.failSettles(nil)
        bed.store.failLeases(nil)
        bed.letters.fail(false)
        paused = paused.filter { name in bed.store.records[name]?.pausedAt != nil }
        checkedCalls = 0
    }

    private func jump() {
        let jumps: [Double] = [-86_400, 86_400, -3600, 3600]
        let seconds = jumps.randomElement(using: &random) ?? 0
        note("clock is set by \(seconds)")
        bed.advance(seconds: seconds)
    }

    // MARK: What must hold

    private func check() {
        faults += bed.store.breaches
        for name in Simulation.names {
            let limit = Simulation.destination(name, version: 0).concurrency
            if bed.sender.peak(name) > limit { faults.append("\(name): \(bed.sender.peak(name)) requests at once") }
        }
        for call in bed.sender.open where call.number > checkedCalls { check(call) }
        checkedCalls = max(checkedCalls, bed.sender.total)
        checks += 1
        // What is lost stays lost, so the long look need not be taken after each step.
        if checks % 10 == 0 { checkAcknowledged() }
    }

    private func checkAcknowledged() {
        for key in acknowledged.keys { check(acknowledged: key) }
    }

    /// A request that has gone out since the last look.
    private func check(_ call: ScriptedSender.Call) {
        if bed.store.place(call.key) != .leased { faults.append("\(call.key) is sent and nobody holds it") }
        if paused.contains(call.destination) { faults.append("\(call.destination) is paused and gets \(call.key)") }
        guard destinations[call.destination]?.isOrdered == true else { return }
        for key in acknowledged.keys where key % 8 == call.key % 8 && key < call.key && !sentAgain.contains(key) {
            if bed.store.place(key)?.hasEnded != true { faults.append("\(call.key) is sent before \(key)") }
        }
    }

    private func check(acknowledged key: Int64) {
        let name = Simulation.names[Int(key % 8)]
        switch bed.store.place(key) {
        case nil: faults.append("\(key) was answered 200 and is gone")
        case .delivered:
            if !world.hasTaken(key, name) { faults.append("\(key) counts as delivered and \(name) has not taken it") }
        case .dead:
            let letters = bed.letters.letters.filter { $0.event.id.low == UInt64(key) && $0.destination == name }
            if letters.isEmpty { faults.append("\(key) is dead without a letter") }
        case .discarded:
            if !droppedNames.contains(name), !droppedKeys.contains(key) { faults.append("nobody dropped \(key)") }
        case .waiting, .leased: break
        }
    }

    /// Everybody is well: all that was answered 200 arrives or is a dead letter.
    private func finish() {
        world.moods = [:]
        bed.store.failSettles(nil)
        bed.store.failLeases(nil)
        bed.letters.fail(false)
        commit()
        for name in Simulation.names where destinations[name] == nil {
            destinations[name] = Simulation.destination(name, version: 0)
        }
        bed.use(Array(destinations.values))
        paused = []
        for name in Simulation.names { bed.order(.resume, name) }
        note("everybody is well")
        for round in 0..<1000 where faults.isEmpty && hasPending {
            for _ in 0..<20 where !bed.sender.open.isEmpty { answerOne() }
            // What was deferred under a clock that was a day ahead may wait for a day.
            bed.advance(seconds: round < 400 ? 1 : 600)
            check()
        }
        if hasPending { faults.append("something waits for ever: \(bed.store.pending) at \(bed.now), \(bed.reports)") }
        checkAcknowledged()
        bed.stop()
        if bed.store.count(.leased) > 0 { faults.append("a lease is left") }
    }

    private var hasPending: Bool { bed.store.places.contains { !$0.hasEnded } }

    private func note(_ text: String) { trace.append(text) }
}

/// The deliveries of events that were answered 200.
private final class Acknowledged: Sendable {
    private let state = Mutex<Set<Int64>>([])

    var keys: Set<Int64> { state.withLock { $0 } }

    func add(_ keys: [Int64]) { state.withLock { $0.formUnion(keys) } }
}
