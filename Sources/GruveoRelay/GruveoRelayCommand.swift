import ArgumentParser
@main struct GruveoRelayCommand: AsyncParsableCommand { func run() async { } }
