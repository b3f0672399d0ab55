import ArgumentParser
import JSON

/// Makes a running relay read its routes file again.
struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the running relay reload its routes file, all or nothing.",
        discussion: "Exit code 0 where the new rules are in force, 78 where the old ones stay, 69 where no relay runs.")

    @OptionGroup var stateOption: StateOption

    func run() throws {
        let client = AdminClient(state: stateOption.state)
        let (status, answer) = try client.object(client.post("/reload"))
        for line in answer.texts("findings") { Output.words(printable(line)) }
        Output.words(status == 200 ? "reloaded" : "not reloaded: the old rules stay in force")
        if status != 200 { throw ExitStatus.badConfiguration }
    }
}
