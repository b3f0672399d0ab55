import ArgumentParser
import JSON

/// Makes a running relay read its routes file again.
struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the running relay reload its routes file, all or nothing.",
        discussion: "Exit code 0 where the new rules are in force, 78 where the old ones stay, 69 where no relay runs.")

    @OptionGroup var stateOption: StateOption

    func run() throws {
        switch AdminClient(state: stateOption.state).post("/reload") {
        case .answer(let status, let body):
            findings(body).forEach(Output.words)
            Output.words(status == 200 ? "reloaded" : "not reloaded: the old rules stay in force")
            if status != 200 { throw ExitStatus.badConfiguration }
        case .unreachable(let reason):
            Output.words("gruveo-relay: no relay answers at \(adminSocketPath(state: stateOption.state)): \(reason)")
            throw ExitStatus.unreachable
        }
    }

    private func findings(_ body: String) -> [String] {
        guard case .object(let object)? = try? JSONValue.parse(Array(body.utf8)),
            case .array(let lines)? = object["findings"]
        else { return [] }
        return lines.compactMap { if case .string(let line) = $0 { printable(line) } else { nil } }
    }
}
