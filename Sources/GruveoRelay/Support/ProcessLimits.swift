import Glibc

/// How many connections of clients the process can afford, and as many to destinations, so that there is always a
/// descriptor left; first lets it open as many files as its hard limit allows.
///
/// Where no descriptor is left, libdispatch ends the process: it reads the states of its threads in /proc, and takes a
/// file that cannot be opened there for a thread that has vanished (`_dispatch_workq_monitor_pools`). Before that,
/// dead letters, the marker file and the operator's commands fail.
///
/// - Throws: after it has said so, where the limit is too low for anybody.
func affordableConnections() throws -> Int {
    /// What the rest needs: some 35 for itself, three for each of 32 name look-ups, and the operator's.
    let own = 192
    let least = own + 64
    let limit = Int(clamping: raiseFileLimit())
    guard limit >= least else {
        Output.words(
            "gruveo-relay: it may have \(limit) files open at once, and needs \(least): "
                + "raise LimitNOFILE= in its unit, or the hard limit of the shell (ulimit -Hn)")
        throw ExitStatus.systemError
    }
    return (limit - own) / 2
}

/// Raises the soft limit, since a shell's 1,024 is less than the receiver's connections, the destinations' and the
/// store's files together; the limit that is then in force.
private func raiseFileLimit() -> UInt {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    let (old, wanted) = (limit.rlim_cur, min(limit.rlim_max, 65_536))  // More would only enlarge the kernel's tables.
    guard old < wanted else { return old }
    limit.rlim_cur = wanted
    return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? wanted : old
}
