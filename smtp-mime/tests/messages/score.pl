# Judges messages by SpamAssassin's rules, all in one process.
# Arguments: the folder of its settings, and the files. Standard output: file, score and symbols, line by line.
use strict;
use warnings;
use Mail::SpamAssassin;

my ($site, @files) = @ARGV;
my $judge = Mail::SpamAssassin->new({
    site_rules_filename => $site,
    userprefs_filename  => "$site/user_prefs",
    userstate_dir       => $site,
    local_tests_only    => 1,
    dont_copy_prefs     => 1,
});
for my $file (@files) {
    open(my $input, '<:raw', $file) or die "$file: $!";
    my $text = do { local $/; <$input> };
    my $message = $judge->parse($text);
    my $status  = $judge->check($message);
    print join(' ', $file, $status->get_score(), $status->get_names_of_tests_hit()), "\n";
    $status->finish();
    $message->finish();
}
