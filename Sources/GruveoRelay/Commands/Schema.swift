import ArgumentParser
import Glibc

/// Prints the JSON Schema of the routes file, for editors.
///
/// The text stands once, in `Sources/GruveoRelay/routes.schema.json`; `make install` copies that file. SwiftPM embeds
/// its bytes in the program (`.embedInCode`): a resource bundle would have to lie beside a program that is one file.
struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of the routes file, by which editors complete and check it.",
        discussion: """
            Save it beside the routes file, `gruveo-relay schema > routes.schema.json`, and name it there: \
            "$schema": "./routes.schema.json". What a schema cannot see, `gruveo-relay check` does.
            """)

    func run() { Output.write(PackageResources.routes_schema_json, to: STDOUT_FILENO) }
}
