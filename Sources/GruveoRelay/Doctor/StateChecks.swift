import DeadLetterFiles
import Glibc
import Relay
import SQLiteStore

/// The checks of the state directory and what is in it.
struct StateChecks {
    let state: String
    let limits: Limits

    /// File systems that a queue should not be on, by their names in proc(5)'s mountinfo.
    private static let unfitFileSystems = [
        "tmpfs": "it is empty after a restart of the machine",
        "ramfs": "it is empty after a restart of the machine",
        "nfs": "its locks and syncs cannot be relied on", "nfs4": "its locks and syncs cannot be relied on",
        "cifs": "its locks and syncs cannot be relied on", "smb3": "its locks and syncs cannot be relied on",
        "9p": "its locks and syncs cannot be relied on",
        "fuse": "whether it syncs depends on the program behind it",
        "overlay": "in a container it is gone with the container; mount a volume",
    ]

    /// False where there is no directory to look into.
    func directory(_ report: (DoctorFinding) -> Void) -> Bool {
        var status = stat()
        guard stat(state, &status) == 0 else {
            let code = errno
            let reason = String(cString: strerror(code))
            let advice = code == ENOENT ? "; `serve` makes it, or name it by --state" : "; run it as root"
            report(
                .error("state", "\(state): \(reason)\(advice)", code == EACCES ? EX_NOPERM : EX_NOINPUT))
            return false
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            report(.error("state", "\(state) is no directory", EX_CANTCREAT))
            return false
        }
        guard access(state, R_OK | X_OK) == 0 else {
            report(
                .error("state", "\(state) belongs to user \(status.st_uid): run this as that user or root", EX_NOPERM))
            return false
        }
        if status.st_mode & 0o077 != 0 {
            report(.warning("state", "\(state) is open to other users, it holds personal data: chmod 700 it"))
        } else {
            report(.ok("state", "\(state), for its owner only"))
        }
        closedFiles(status.st_uid).forEach(report)
        fileSystem(status.st_dev, report)
        return true
    }

    /// Files that the directory's owner, as whom the relay runs, could not write.
    private func closedFiles(_ owner: uid_t) -> [DoctorFinding] {
        let names = [
            "/queue.sqlite", "/queue.sqlite-wal", "/queue.sqlite-shm", "/queue.mark", "/lock", "/dead-letters",
            "/redrive",
        ]
        return ([""] + names).compactMap { name in
            var status = stat()
            let path = state + name
            guard stat(path, &status) == 0 else { return nil }
            if status.st_uid != owner {
                return .error(
                    "state", "\(path) belongs to user \(status.st_uid), the directory to \(owner): chown it", EX_NOPERM)
            }
            let needed: mode_t = status.st_mode & S_IFMT == S_IFDIR ? 0o700 : 0o600
            // Modes do not bind root.
            guard owner != 0, status.st_mode & needed != needed else { return nil }
            let mode = String(needed, radix: 8)
            return .error("state", "\(path) cannot be written by its owner, user \(owner): chmod \(mode) it", EX_NOPERM)
        }
    }

    private func fileSystem(_ device: dev_t, _ report: (DoctorFinding) -> Void) {
        if let kind = StateChecks.fileSystem(of: device),
            let reason = StateChecks.unfitFileSystems[String(kind.prefix { $0 != "." })]
        {
            report(.warning("disk", "the state directory is on \(kind): \(reason)"))
        }
        var information = statvfs()
        guard statvfs(state, &information) == 0 else { return }
        let free = Int64(clamping: UInt64(information.f_bavail) &* UInt64(information.f_frsize))
        let limit = limits.freeSpaceBytes
        let text = "\(free / 1_048_576) MiB are free, the limit is \(limit / 1_048_576) MiB"
        if free < limit {
            report(.error("disk", "\(text): events are answered 503. Make room, or lower limits.freeSpace", EX_IOERR))
        } else if free < 2 * limit {
            report(.warning("disk", "\(text): make room soon"))
        } else {
            report(.ok("disk", text))
        }
    }

    /// The kind of the file system on a device; nil where the kernel does not say.
    private static func fileSystem(of device: dev_t) -> String? {
        guard let table = try? Files.read("/proc/self/mountinfo") else { return nil }
        // gnu_dev_major and gnu_dev_minor of sys/sysmacros.h, which Swift does not see.
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        let wanted = "\(major):\(minor)"
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 6, words[2] == wanted, let dash = words.lastIndex(of: "-"), dash + 1 < words.count
            else { continue }
            return String(words[dash + 1])
        }
        return nil
    }

    // MARK: What is in it

    func store(_ found: StoreExamination, _ report: (DoctorFinding) -> Void) {
        if found.isNew { return report(.note("store", "nothing has been stored yet")) }
        let isRunning = found.holder != nil
        let remedy = (isRunning ? "Stop the relay, then run" : "Run") + " `gruveo-relay doctor --repair`"
        for finding in found.findings {
            let text = finding.isRepairable ? "\(finding.text). \(remedy), or restore a backup" : finding.text
            report(.error("store", text, finding.exitCode))
        }
        if found.brokenIdleEvents > 0 {
            let text = "the bytes of \(found.brokenIdleEvents) stored events have changed"
            report(.warning("store", "\(text), of which nothing waits: the relay goes on, but cannot replay them"))
        }
        for id in found.brokenEvents { report(.note("store", "\(id) is one whose bytes have changed")) }
        if !found.markIsReadable {
            report(.warning("store", "queue.mark cannot be read; the next start writes it anew"))
        }
        if found.findings.isEmpty && found.brokenIdleEvents == 0 {
            let counts = found.counts
            report(
                .ok(
                    "store",
                    "sound; \(counts.pending) deliveries pending, \(counts.dead) dead, \(found.lastEvent) events so far"
                ))
        }
    }

    /// Deliveries for a destination that the routes file does not have any more wait for its return.
    func orphans(_ found: StoreExamination, _ configuration: Configuration, _ report: (DoctorFinding) -> Void) {
        for (name, count) in found.pending.sorted(by: { $0.key < $1.key })
        where configuration.destinations[name] == nil {
            report(
                .warning(
                    "store", "\(count) deliveries wait for \(name), which the routes file does not have: put it back"))
        }
    }

    func relay(_ holder: Int?, _ report: (DoctorFinding) -> Void) {
        guard let holder else { return report(.note("relay", "no relay runs on this directory")) }
        switch AdminClient(state: state).get("/readyz") {
        case .answer(200, _): report(.ok("relay", "process \(holder) runs and is ready"))
        case .answer(let status, let body):
            let text = body.split(separator: "\n").joined(separator: " ")
            report(.error("relay", "process \(holder) is not ready, it answers \(status): \(text)", EX_UNAVAILABLE))
        case .unreachable:
            report(
                .error(
                    "relay", "process \(holder) does not answer at \(adminSocketPath(state: state))", EX_UNAVAILABLE))
        }
    }

    func deadLetters(_ report: (DoctorFinding) -> Void) {
        do throws(DeadLetterError) {
            let listing = try DeadLetterDirectory(stateDirectory: state).list()
            let oldest = listing.letters.map(\.diedAt).min().map { ", the oldest died \($0)" } ?? ""
            let count = listing.letters.count
            if count == 0 {
                report(.ok("dead letters", "none"))
            } else {
                report(.note("dead letters", "\(count)\(oldest): `gruveo-relay dead list` shows them"))
            }
            for problem in listing.problems.prefix(10) {
                report(.warning("dead letters", "\(problem.path): \(problem.reason)"))
            }
        } catch { report(.warning("dead letters", "\(error)")) }
        let refused = (try? Files.names(below: "\(state)/redrive/refused", ending: ".json"))?.count ?? 0
        if refused > 0 {
            report(
                .warning(
                    "redrive", "\(refused) files in redrive/refused: the .txt beside each says why, then move them back"
                ))
        }
    }

    /// A clock that is far off makes signatures old and retries late.
    func clock(_ now: Timestamp, last: Timestamp?, _ report: (DoctorFinding) -> Void) {
        let year2025: Int64 = 1_735_689_600_000
        if now.milliseconds < year2025 {
            report(.warning("clock", "it says \(now): set it, receivers refuse signatures that are too old"))
        } else if let last, last.milliseconds(since: now) > 60_000 {
            report(.warning("clock", "it says \(now), but the last event came \(last): was it set back?"))
        } else {
            report(.ok("clock", "\(now)"))
        }
    }

    /// What can be told without root.
    func systemd(_ report: (DoctorFinding) -> Void) {
        guard access("/run/systemd/system", F_OK) == 0 else { return }
        let folders = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"]
        let unit = "gruveo-relay.service"
        let isInstalled = folders.contains { access("\($0)/\(unit)", F_OK) == 0 }
        report(isInstalled ? .ok("systemd", "\(unit) is installed") : .note("systemd", "\(unit) is not installed"))
        SocketUnit.ask()?.findings.forEach(report)
    }
}
