import Glibc

/// The socket unit as systemd has it, drop-ins included: what `systemctl show` prints of it.
struct SocketUnit {
    static let name = "gruveo-relay.socket"
    private static let properties = "LoadState,ActiveState,UnitFileState,Listen,Accept,FileDescriptorName"
    private static let streamMark = " (Stream)"

    /// `Listen` stands once for each address.
    private let values: [String: [String]]

    /// Lines of `Name=value`.
    init(shown: String) {
        let pairs = shown.split(separator: "\n").compactMap { line -> (String, [String])? in
            guard let equals = line.firstIndex(of: "=") else { return nil }
            return (String(line[..<equals]), [String(line[equals...].dropFirst())])
        }
        values = Dictionary(pairs, uniquingKeysWith: +)
    }

    /// Asks systemd; nil where it does not answer.
    static func ask() -> SocketUnit? {
        askSystemd("show", name, "--property=\(properties)").map(SocketUnit.init)
    }

    /// Nothing where there is no such unit.
    var findings: [DoctorFinding] {
        switch value("LoadState") {
        case "loaded": [usability, state].compactMap(\.self) + openness
        case "not-found", "masked", "": []
        default: [.warning("systemd", "\(SocketUnit.name) cannot be loaded: `systemctl status \(SocketUnit.name)`")]
        }
    }

    private func value(_ name: String) -> String { values[name]?.first ?? "" }

    private var addresses: [String] { values["Listen"] ?? [] }

    private var streams: [String] {
        let mark = SocketUnit.streamMark
        return addresses.filter { $0.hasSuffix(mark) }.map { String($0.dropLast(mark.count)) }
    }

    /// What `serve` refuses to start with.
    private var usability: DoctorFinding? {
        func error(_ text: String) -> DoctorFinding {
            .error("systemd", "\(SocketUnit.name) \(text), and the relay does not start with it", EX_CONFIG)
        }
        if addresses.count != 1 || streams.count != 1 {
            return error("listens at \(addresses.joined(separator: ", ")): leave one ListenStream=")
        }
        if streams[0].hasPrefix("/") || streams[0].hasPrefix("@") {
            return error("listens at \(streams[0]): write ListenStream=ADDRESS:PORT")
        }
        if value("Accept") == "yes" { return error("has Accept=yes: write Accept=no") }
        guard value("FileDescriptorName") == "public" else {
            return error("has another name: write FileDescriptorName=public")
        }
        return nil
    }

    private var state: DoctorFinding? {
        let text = "\(SocketUnit.name) is \(value("ActiveState"))"
        switch (value("ActiveState"), value("UnitFileState")) {
        case ("active", _): return usability == nil ? .ok("systemd", "\(text) at \(streams[0])") : nil
        case ("failed", _), (_, "enabled"):
            return .warning(
                "systemd",
                "\(text): stop gruveo-relay, `systemctl reset-failed`, start \(SocketUnit.name), then gruveo-relay")
        default: return .note("systemd", "\(text): a restart of the relay refuses the calls that come meanwhile")
        }
    }

    private var openness: [DoctorFinding] {
        streams.filter { $0.hasPrefix("0.0.0.0:") || $0.hasPrefix("[::]:") }.map {
            .note("systemd", "\($0) is open to all, without TLS: behind a proxy write ListenStream=127.0.0.1:PORT")
        }
    }
}
