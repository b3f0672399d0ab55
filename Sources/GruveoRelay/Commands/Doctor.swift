import ArgumentParser
import Glibc
import JSON
import Relay
import SQLiteStore

/// Looks at everything that a relay needs, or mends a damaged queue.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at state, disk, routes, secrets, clock and destinations; --repair mends a damaged queue.",
        discussion: """
            One line a check: ok, note, warning or error. Nothing is changed and nothing is sent; a relay may run \
            meanwhile. Exit code 0 without errors, else the code of the first error: 65 the queue is damaged, 66 no \
            state directory, 69 a destination or the relay cannot be reached, 73 and 74 state directory or disk, 77 \
            permission, 78 routes file.
            --repair needs the relay stopped (75 where it runs). It puts a sound queue in the place of a damaged one, \
            with all that can be read; the old files go to damaged-TIME/ and are not deleted.
            """)

    @OptionGroup var configOption: ConfigOption
    @OptionGroup var stateOption: StateOption

    @Flag(help: "Connect to nothing.")
    var offline = false

    @Flag(help: "Mend a damaged queue; its old files are kept.")
    var repair = false

    @Flag(help: "Print one JSON object a check on standard output.")
    var json = false

    func run() async throws {
        umask(0o077)
        if repair { return try runRepair() }
        var worst: Int32 = 0
        func report(_ finding: DoctorFinding) {
            if worst == 0 { worst = finding.code }
            json ? Output.data(finding.object) : Output.data(finding.line)
        }
        let loaded = routes(report)
        let checks = StateChecks(state: stateOption.state, limits: loaded?.configuration?.limits ?? Limits())
        var last: Timestamp?
        if checks.directory(report) {
            let found = StoreExamination(directory: stateOption.state)
            last = found.lastReceived
            checks.store(found, report)
            if let configuration = loaded?.configuration { checks.orphans(found, configuration, report) }
            checks.relay(found.holder, report)
            checks.deadLetters(report)
        }
        checks.clock(wallClock(), last: last, report)
        checks.systemd(report)
        if let loaded {
            let routes = RoutesChecks(loaded: loaded)
            routes.file(report)
            if !offline { await routes.network(report) }
        }
        if worst != 0 { throw ExitCode(worst) }
    }

    private func routes(_ report: (DoctorFinding) -> Void) -> RoutesLoader.Loaded? {
        do throws(FileFault) {
            var loader = RoutesLoader(path: configOption.config, unreadableSecret: .note)
            loader.serviceUnit = ServiceUnit.ask().flatMap { $0.serves(loader.path) ? $0 : nil }
            return try loader.load()
        } catch {
            report(.error("routes", "\(error): name the file by --config", error.exitCode.rawValue))
            return nil
        }
    }

    // MARK: Repair

    private func runRepair() throws {
        let state = stateOption.state
        let found = StoreExamination(directory: state)
        if let holder = found.holder {
            Output.words("gruveo-relay: process \(holder) holds \(state): stop the relay first")
            throw ExitStatus.temporary
        }
        if let finding = found.findings.first(where: { !$0.isRepairable }) {
            Output.words(printable("gruveo-relay: \(finding.text)"))
            throw ExitCode(finding.exitCode)
        }
        for finding in found.findings where !json { Output.words(printable("found: \(finding.text)")) }
        guard !found.findings.isEmpty else {
            if json { Output.data(JSONObject(["repaired": .bool(false)])) } else { Output.words("nothing to repair") }
            return
        }
        do throws(StoreOpenError) {
            let repair = try StoreRepair(directory: state)
            show(try repair.run(now: wallClock()), found.findings)
        } catch {
            Output.words(printable("gruveo-relay: \(error)"))
            throw ExitCode(error.exitCode)
        }
    }

    private func show(_ report: StoreRepair.Report, _ findings: [StoreExamination.Finding]) {
        if json { return Output.data(report.object(findings)) }
        report.lines.forEach { Output.words(printable($0)) }
    }
}

extension StoreRepair.Report {
    /// What a person has to know, worst last.
    var lines: [String] {
        var lines = [
            "saved: \(salvage.events) events, \(salvage.pending) deliveries that wait, \(salvage.settled) that ended"
        ]
        if let reason = salvage.unreadable { lines.append("nothing could be read: \(reason)") }
        if salvage.gaps > 0 { lines.append("places that could not be read: \(salvage.gaps)") }
        if salvage.brokenEventCount > 0 {
            lines.append(
                "left out: \(salvage.brokenEventCount) events whose bytes have changed: " + names(salvage.brokenEvents))
        }
        if salvage.undirectedEventCount > 0 {
            lines.append(
                "saved, but without any delivery: \(salvage.undirectedEventCount) events: "
                    + names(salvage.undirectedEvents))
        }
        if salvage.lostDeliveries > 0 { lines.append("lost: \(salvage.lostDeliveries) deliveries that waited") }
        switch salvage.lostEvents {
        case nil where salvage.acceptedAtLeast > 0:
            lines.append(
                "how many events are lost is not known: \(salvage.acceptedAtLeast) were accepted at least, those among "
                    + "them that were deleted after their time")
        case nil: lines.append("how many events are lost is not known")
        case 0: lines.append("no event is lost")
        case let count?: lines.append("lost: \(count) events that were acknowledged")
        }
        return lines + ["the old files are kept in \(keptIn)"]
    }

    private func names(_ ids: [EventID]) -> String {
        ids.prefix(5).map(\.description).joined(separator: ", ") + (ids.count > 5 ? " …" : "")
    }

    func object(_ findings: [StoreExamination.Finding]) -> JSONObject {
        func number(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
        func list(_ ids: [EventID]) -> JSONValue { .array(ids.map { .string("\($0)") }) }
        return JSONObject([
            "repaired": .bool(true), "found": .array(findings.map { .string($0.text) }), "keptIn": .string(keptIn),
            "events": number(salvage.events), "pending": number(salvage.pending), "settled": number(salvage.settled),
            "lostEvents": salvage.lostEvents.map(number) ?? .null,
            "acceptedAtLeast": number(salvage.acceptedAtLeast), "lostDeliveries": number(salvage.lostDeliveries),
            "brokenEvents": number(salvage.brokenEventCount), "brokenEventIds": list(salvage.brokenEvents),
            "undirectedEvents": number(salvage.undirectedEventCount),
            "undirectedEventIds": list(salvage.undirectedEvents), "gaps": number(salvage.gaps),
            "unreadable": salvage.unreadable.map { .string($0) } ?? .null,
        ])
    }
}
